import { shell } from '../support/test-task.js';

/** How the run of a task is to end that may be run more than once: `completed`, `failed`, or the reason of an exception. */
export type Ending = string;

export interface Kind {
  /** Of a hundred tasks, how many are of this kind. */
  readonly share: number;
  readonly payload: object;
  readonly scopes?: readonly string[];
  /** Of each run, in order; the task ends as the last one does. None: the task is never run. */
  readonly ends: readonly Ending[];
  /** In the log of the last run. */
  readonly log?: RegExp;
  /** All that the container printed in the last run, as it is in the log. */
  readonly output?: string;
  /** All the artifacts of the last run besides its logs, by name, with their text. */
  readonly artifacts?: Readonly<Record<string, string>>;
  readonly cancel?: 'before it is claimed' | 'while it runs';
  /** It waits for a task that never succeeds. */
  readonly isBlocked?: true;
}

const makesFiles = {
  ...shell('mkdir /out; for n in 1 2 3; do echo "file $n" > /out/$n; done; echo one > /one'),
  artifacts: { 'public/one': { type: 'file', path: '/one' }, 'public/out': { type: 'directory', path: '/out' } },
};
const CACHE = { cache: { 'stress-kept': '/cache' } };
const CACHE_SCOPES = ['docker-worker:cache:stress-*'];

/** Caches and volumes may be on a disk that a test fills. Without this, it would be the task that fails. */
export function untilRoom(command: string): string {
  return `until ${command}; do sleep 1; done`;
}

/** What `seq` prints, as a terminal has it. */
export function numbers(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\r\n`).join('');
}

/** Tasks of every outcome, about as often as a CI has them. */
export const KINDS: Readonly<Record<string, Kind>> = {
  success: { share: 40, payload: shell('echo done; exit 0'), ends: ['completed'], log: /\ndone\r\n/ },
  artifacts: {
    share: 12,
    payload: makesFiles,
    ends: ['completed'],
    log: /Successful task run/,
    artifacts: {
      'public/one': 'one\n',
      'public/out/1': 'file 1\n',
      'public/out/2': 'file 2\n',
      'public/out/3': 'file 3\n',
    },
  },
  output: {
    share: 6,
    payload: shell('seq 1 20000'),
    ends: ['completed'],
    output: numbers(1, 20_000),
  },
  cache: {
    share: 8,
    payload: { ...shell(`${untilRoom('echo "$TASK_ID" >> /cache/users')}; tail -n 1 /cache/users`), ...CACHE },
    scopes: CACHE_SCOPES,
    ends: ['completed'],
    log: /using cache "stress-kept" -> \/cache\n/,
  },
  failure: { share: 10, payload: shell('exit 9'), ends: ['failed'], log: /exit code: 9 / },
  intermittent: {
    share: 6,
    payload: { ...shell('exit $((7 * (RUN_ID < 1)))'), onExitStatus: { retry: [7] } },
    ends: ['intermittent-task', 'completed'],
    log: /Successful task run/,
  },
  purge: {
    share: 2,
    payload: { ...shell('exit 8'), cache: { 'stress-purged': '/cache' }, onExitStatus: { purgeCaches: [8] } },
    scopes: CACHE_SCOPES,
    ends: ['failed'],
    log: /exit code: 8 /,
  },
  timeout: {
    share: 3,
    payload: { ...shell('sleep 600'), maxRunTime: 1 },
    ends: ['failed'],
    log: /Task timeout after 1 seconds/,
  },
  malformed: {
    share: 3,
    payload: { bogus: true },
    ends: ['malformed-payload'],
    log: /should NOT have additional properties/,
  },
  unscoped: { share: 2, payload: { ...CACHE }, ends: ['failed'], log: /docker-worker:cache:stress-kept/ },
  badCommand: { share: 2, payload: { command: ['/no/such'] }, ends: ['failed'], log: /Failure to properly start/ },
  canceled: {
    share: 3,
    payload: shell('sleep 600'),
    ends: ['canceled'],
    log: /Task was canceled/,
    cancel: 'while it runs',
  },
  // Nobody ever claims it, so it has no log.
  canceledEarly: { share: 1, payload: shell('sleep 600'), ends: ['canceled'], cancel: 'before it is claimed' },
  blocked: { share: 2, payload: {}, ends: [], isBlocked: true },
};
