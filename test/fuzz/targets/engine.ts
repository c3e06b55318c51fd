import { Readable } from 'node:stream';
import fc from 'fast-check';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { demultiplex } from '../../../src/lib/docker/exec-output.js';
import { PullReport } from '../../../src/lib/images/pull-report.js';
import { EngineSocket } from '../../support/engine-socket.js';
import { allowing, expect } from '../expect.js';
import { answerOf } from '../inputs/answers.js';
import type { Answer } from '../inputs/answers.js';
import { chunkBytes, chunksOf, mutated } from '../inputs/bytes.js';
import { jsonValue, largeJson, sometimesCut } from '../inputs/json.js';
import { textOf } from '../inputs/text.js';
import { pureTarget, target } from '../target.js';
import type { Running, Target } from '../target.js';

const { signal: NEVER } = new AbortController();
// docker-modem overflows the stack, in an event that nothing can catch, when it makes text of an error that is nested
// thousands of levels deep. No engine sends one: its errors are objects with a message.
const MAX_NESTING = 500;
// Nor can it make text of an error that has something else under these names.
const TEXT_METHODS = /"(?:toString|valueOf)"/;

const ENGINE_KEYS = [
  'status',
  'id',
  'progressDetail',
  'current',
  'total',
  'error',
  'errorDetail',
  'message',
  'stream',
  'Id',
  'Config',
  'Entrypoint',
  'Cmd',
  'Labels',
  'State',
];
const ENGINE_LINES = [
  '{"status":"Downloading","id":"abc","progressDetail":{"current":5,"total":10}}',
  '{"stream":"Loaded image: a:b\\n"}',
  '{"stream":"Loaded image ID: sha256:1\\n"}',
  '{"error":"no space left","errorDetail":{"message":"no space left"}}',
  '{"Id":"sha256:1","Config":{"Entrypoint":null,"Cmd":["a"]}}',
  '[{"Id":"a","Labels":{"taskcluster.role":"task"}}]',
  '{"message":"denied"}',
];
const engineBody = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom(...ENGINE_LINES) },
          { weight: 2, arbitrary: jsonValue(ENGINE_KEYS).map((value) => JSON.stringify(value)) },
        ),
        { maxLength: 8 },
      )
      .map((lines) => lines.join('\n')),
  },
  { weight: 1, arbitrary: sometimesCut(largeJson(ENGINE_KEYS, 500_000)) },
  { weight: 1, arbitrary: textOf([...ENGINE_LINES, '\n', '\r'], 500_000) },
);

const engine = target({
  name: 'engine-answers',
  about: 'answers of the Docker engine',
  inputs: answerOf(engineBody),
  start: async (): Promise<Running<Answer>> => {
    let current: Answer = { status: 200, type: '', body: '' };
    const socket = await EngineSocket.start((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(current.status, { 'content-type': current.type });
        response.end(current.body);
      });
    });
    const docker = new DockerodeEngine({ socketPath: socket.socketPath });
    return {
      attempt: async (answer) => {
        if (nesting(answer.body) > MAX_NESTING || TEXT_METHODS.test(answer.body)) return;
        current = answer;
        const report = new PullReport({
          line: (text) => {
            expect(text !== '', 'a line without words');
          },
        });
        await allowing([DockerError], () =>
          docker.pullImage(
            'a:b',
            undefined,
            (progress) => {
              report.add(progress);
            },
            NEVER,
          ),
        );
        await allowing([DockerError], () => docker.loadImage(Readable.from([Buffer.from('x')]), NEVER));
        const image = await allowing([DockerError], () => docker.inspectImage('a:b', NEVER));
        expect(image === undefined || Array.isArray(image.command), 'the image has no list for a command');
        await allowing([DockerError], () => docker.findContainers({ a: 'b' }, NEVER));
      },
      close: () => socket.close(),
    };
  },
});

/** How deep lists and objects are nested at most, strings not regarded. */
function nesting(body: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of body) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}

const execOutput = pureTarget({
  name: 'exec-output',
  about: "frames of a process's output",
  inputs: fc.record({
    bytes: mutated(
      fc
        .array(fc.tuple(fc.nat(3), textOf(['a', '\0'], 50_000)), { maxLength: 6 })
        .map((parts) =>
          Buffer.concat(
            parts.flatMap(([stream, text]) => [frameHead(stream, Buffer.byteLength(text)), Buffer.from(text)]),
          ),
        ),
    ),
    step: chunkBytes,
  }),
  attempt: async ({ bytes, step }) => {
    let total = 0;
    for await (const { data } of demultiplex(chunksOf(bytes, step))) total += data.length;
    expect(total <= bytes.length, 'there is more output than came in');
  },
});

function frameHead(stream: number, length: number): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(length, 4);
  return head;
}

export const ENGINE: readonly Target[] = [engine, execOutput];
