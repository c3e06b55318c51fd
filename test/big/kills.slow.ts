import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KillableWorker, outputOf } from '../support/killable-worker.js';
import { seededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';

const KILLS = Number(process.env['KILLS'] ?? 100);
/** As many as the worker runs at once: a kill while the queue hands out others would cost a claim. */
const TASKS = 4;

const LINES = 400;
const PRINT = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i of many"; i=$((i+1)); [ $((i % 10)) = 0 ] && sleep 0.1; done`;
const PRINTED = Array.from({ length: LINES }, (_, index) => `line ${index} of many\r\n`).join('');
const ARTIFACTS = {
  'public/made': { type: 'file', path: '/made' },
  'public/many': { type: 'directory', path: '/many' },
};
const MANY = 'mkdir /many; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i > /many/$i; done; echo made > /made';
const PROXIED = `n=0; while [ $n -lt 10 ]; do timeout 3 wget -q -O - http://taskcluster/api/queue/v1/ping >/dev/null 2>&1 && n=$((n+1)) && echo "${'proxied '.repeat(50)}"; sleep 0.3; done`;
const PROXIED_OUTPUT = `${'proxied '.repeat(50)}\r\n`.repeat(10);

interface Planned {
  readonly taskId: string;
  readonly output: string;
  readonly state: 'completed' | 'failed';
}

describe(`${KILLS} kills at random moments`, function () {
  this.timeout(3600_000);

  it('cost no run, and no byte of a log', async () => {
    const worker = await KillableWorker.create({
      interactive: { ssl: false, minTime: 0, expirationAfterSession: 0 },
    });
    const random = seededRandom();
    const planned: Planned[] = [];
    const create = async (): Promise<void> => {
      const kind = random.pick(['lines', 'lines', 'proxy', 'interactive', 'failing']);
      const common = { cache: { any: '/cache' }, artifacts: ARTIFACTS };
      const features = { taskclusterProxy: kind === 'proxy', interactive: kind === 'interactive' };
      const isProxy = kind === 'proxy';
      const script = `${isProxy ? PROXIED : PRINT}; ${MANY}; exit ${kind === 'failing' ? 3 : 0}`;
      const taskId = await worker.createTask(
        script,
        { ...common, features, maxRunTime: 600 },
        { scopes: ['docker-worker:cache:any'] },
      );
      const state = kind === 'failing' ? 'failed' : 'completed';
      planned.push({ taskId, output: isProxy ? PROXIED_OUTPUT : PRINTED, state });
    };
    const phases = new Map<string, number>();
    const reclaimMs: number[] = [];
    try {
      worker.start();
      for (let kills = 0; kills < KILLS; kills++) {
        await worker.program.prints('"type":"start"');
        if ((await inState(worker, planned, 'pending', 'running')) === 0) {
          for (let count = 0; count < TASKS; count++) await create();
          await until('all tasks are claimed', async () => (await inState(worker, planned, 'pending')) === 0);
        }
        await sleep(random.between(0, 2500));
        await worker.kill();
        for (const phase of await phasesOf(worker)) phases.set(phase, (phases.get(phase) ?? 0) + 1);
        // One of five starts is killed before it is up.
        if (random.next() < 0.2) {
          worker.start();
          await sleep(random.between(0, 700));
          await worker.kill();
        }
        const startedAt = performance.now();
        const program = worker.start();
        if ((await phasesOf(worker)).length > 0) {
          void program.prints('"type":"reclaimed task"').then(
            () => reclaimMs.push(performance.now() - startedAt),
            () => undefined,
          );
        }
      }
      let timesAway = 0;
      for (const { taskId, output, state } of planned) {
        const { run, log } = await worker.ended(taskId);
        assert.equal(run.state, state, `${log}\n${worker.program.stdout}`);
        const printed = outputOf(log);
        assert.equal(digest(printed.output), digest(output), log);
        timesAway += printed.timesAway;
        assert.equal(await worker.textOf(taskId, 'public/made'), 'made\n');
        assert.equal(await worker.textOf(taskId, 'public/many/12'), '12\n');
      }
      await worker.stop();
      await worker.assertNothingLeft();
      const table = [...phases].map(([phase, count]) => `${phase} ${count}`).join(', ');
      process.stdout.write(
        `      ${planned.length} tasks, all in run 0, all logs whole; runs by phase at the kill: ${table}; ` +
          `${timesAway} times adopted with output; longest time from start to reclaim: ` +
          `${Math.round(Math.max(...reclaimMs))} ms of ${reclaimMs.length}\n`,
      );
    } finally {
      await worker.remove();
    }
  });
});

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function inState(
  worker: KillableWorker,
  planned: readonly Planned[],
  ...states: readonly string[]
): Promise<number> {
  const statuses = await Promise.all(planned.map(({ taskId }) => worker.queue.status(taskId)));
  return statuses.filter(({ status: { state } }) => states.includes(state)).length;
}

/** The phases of the runs that a dead worker has left. */
async function phasesOf(worker: KillableWorker): Promise<readonly string[]> {
  const directory = join(worker.stateDir, 'runs');
  const names = await readdir(directory);
  const records = names
    .filter((name) => name.endsWith('.json'))
    .map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8')) as { phase: string });
  const claims = names.filter((name) => name.endsWith('.claims')).map(() => 'claimed');
  return [...(await Promise.all(records)).map(({ phase }) => phase), ...claims];
}
