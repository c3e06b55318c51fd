import { KINDS, numbers, untilRoom } from '../stress/kinds.js';
import type { Kind } from '../stress/kinds.js';
import { shell } from '../support/test-task.js';

const MANY_FILES = 40;
const BIG_LINES = 200_000;

/** A worker gets to know none of these, so that there is nothing to disturb. */
const UNSEEN = ['blocked', 'canceledEarly'];

const namedFiles = Object.fromEntries(
  Array.from({ length: MANY_FILES }, (_, index) => [`public/many/${index}`, `file ${index}\n`]),
);

const FILL_VOLUME = [
  untilRoom('mkdir -p /v/sub'),
  untilRoom('echo one > /v/1'),
  'sleep 1',
  untilRoom('echo two > /v/sub/2'),
];

const EXTRA: Readonly<Record<string, Kind>> = {
  // Long enough to be hit in the middle; what it printed before and after has to be there.
  slow: {
    share: 30,
    payload: shell('seq 1 500; sleep 4; seq 501 1000'),
    ends: ['completed'],
    output: numbers(1, 1000),
  },
  slowFailure: {
    share: 8,
    payload: shell('seq 1 50; sleep 3; exit 3'),
    ends: ['failed'],
    log: /exit code: 3 /,
    output: numbers(1, 50),
  },
  manyArtifacts: {
    share: 10,
    payload: {
      ...shell(
        `mkdir /many; n=0; while [ $n -lt ${MANY_FILES} ]; do echo "file $n" > /many/$n; n=$((n + 1)); done;
         seq 1 ${BIG_LINES} > /big`,
      ),
      artifacts: {
        'public/big': { type: 'file', path: '/big' },
        'public/many': { type: 'directory', path: '/many' },
      },
    },
    ends: ['completed'],
    artifacts: { 'public/big': numbers(1, BIG_LINES).replaceAll('\r', ''), ...namedFiles },
  },
  volumeArtifacts: {
    share: 8,
    payload: {
      ...shell(FILL_VOLUME.join('; ')),
      artifacts: { 'public/v': { type: 'volume', path: '/v' } },
    },
    ends: ['completed'],
    artifacts: { 'public/v/1': 'one\n', 'public/v/sub/2': 'two\n' },
  },
  proxy: {
    share: 8,
    payload: {
      ...shell(
        'until wget -q -O - http://taskcluster/api/queue/v1/task/$TASK_ID | grep -q taskQueueId; do sleep 1; done; echo proxied',
      ),
      features: { taskclusterProxy: true },
    },
    ends: ['completed'],
    log: /\nproxied\r\n/,
  },
};

/** The kinds of the stress test and some that are there to be disturbed. */
export function chaosKinds(imageTaskId: string, imagePath: string): Readonly<Record<string, Kind>> {
  const image: Kind = {
    share: 5,
    payload: { ...shell('echo in the image'), image: { type: 'task-image', taskId: imageTaskId, path: imagePath } },
    ends: ['completed'],
    log: /\nin the image\r\n/,
  };
  const all = Object.entries({ ...KINDS, ...EXTRA, image }).filter(([name]) => !UNSEEN.includes(name));
  return Object.fromEntries(all.map(([name, kind]) => [name, patient(kind)]));
}

/** A frozen engine must not be what ends a task by maxRunTime, but where this is what the task is about. */
function patient(kind: Kind): Kind {
  return 'maxRunTime' in kind.payload ? kind : { ...kind, payload: { ...kind.payload, maxRunTime: 600 } };
}
