import { setImmediate } from 'node:timers/promises';
import Docker from 'dockerode';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import type { DockerEngine, Labels } from '../../src/lib/docker/engine.js';
import { runsForEver } from '../fakes/fake-container.js';
import type { FakeProcess } from '../fakes/fake-container.js';
import { FakeDockerEngine } from '../fakes/fake-docker-engine.js';

export const IMAGE = 'docker-worker/test:latest';
export const COMMANDS = {
  print: ['echo', 'hello'],
  fail: ['sh', '-c', 'exit 3'],
  env: ['sh', '-c', 'echo $NAME'],
  files: ['sh', '-c', 'mkdir -p /out/sub; printf one > /out/one; printf two > /out/sub/two'],
  links: ['sh', '-c', 'printf x > /x; ln -s /x /link; ln -s /link /again; ln -s /nowhere /dangling'],
  forEver: ['sleep', '1000'],
  busy: ['sh', '-c', 'while true; do head -c 10000000 /dev/zero >/dev/null; sleep 0.1; done'],
  many: ['sh', '-c', 'seq 1 20000'],
  manyThenWait: ['sh', '-c', 'seq 1 20000; until test -e /go; do sleep 0.05; done'],
  address: ['hostname', '-i'],
  // Lines of random bytes, about 256 of them each, and a last one without an end.
  bytes: ['sh', '-c', 'head -c 1000000 /dev/urandom; printf "the last\\nof it"'],
  inParts: ['sh', '-c', 'echo one; until test -e /go; do sleep 0.05; done; echo two; printf end; exit 4'],
  missing: ['/no/such/program'],
} as const;
/** For processes that are started in a running container. */
export const EXECS = {
  cat: ['cat'],
  both: ['sh', '-c', 'echo out; sleep 0.1; echo err >&2; exit 3'],
  whoami: ['sh', '-c', 'echo $(id -u) $NAME $FROM_SPEC'],
  go: ['touch', '/go'],
  size: ['sh', '-c', 'while test "$(stty size 2>/dev/null)" != "45 123"; do sleep 0.05; done; echo it is 45 by 123'],
} as const;

function fakeEngine(): EngineUnderTest {
  const engine = new FakeDockerEngine();
  engine.images.set(IMAGE, { id: `sha256:${'b'.repeat(64)}`, entrypoint: [], command: ['/bin/sh'] });
  const program = (name: keyof typeof COMMANDS, run: Parameters<typeof engine.programs.set>[1]): void => {
    engine.programs.set(COMMANDS[name].join(' '), run);
  };
  program('print', ({ print }) => print('hello\n').then(() => 0));
  program('fail', () => 3);
  program('env', ({ print, env }) => print(`${env['NAME'] ?? ''}\n`).then(() => 0));
  program('files', ({ writeFile }) => {
    writeFile('/out/one', 'one');
    writeFile('/out/sub/two', 'two');
    return 0;
  });
  program('links', ({ writeFile, link }) => {
    writeFile('/x', 'x');
    link('/link', '/x');
    link('/again', '/link');
    link('/dangling', '/nowhere');
    return 0;
  });
  program('forEver', runsForEver);
  program('busy', async ({ use, killed }) => {
    while (!killed.aborted) {
      use({ memoryPeakBytes: 4_000_000, cpuSeconds: 0.5 });
      await setImmediate();
    }
    return 137;
  });
  program('address', ({ print, address }) => print(`${address}\n`).then(() => 0));
  let adoptAndWait = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    adoptAndWait = resolve;
  });
  program('inParts', async ({ print }) => {
    await print('one\n');
    await gone;
    await print('two\nend');
    return 4;
  });
  program('bytes', async ({ print }) => {
    for (let line = 0; line < 4000; line++) await print(`${String.fromCodePoint(line % 128).repeat(256)}\n`);
    await print('the last\nof it');
    return 0;
  });
  const count = async ({ print }: FakeProcess): Promise<number> => {
    for (let number = 1; number <= 20000; number++) await print(`${number}\n`);
    return 0;
  };
  program('many', count);
  program('manyThenWait', async (container) => {
    await count(container);
    await gone;
    return 0;
  });
  const exec = (name: keyof typeof EXECS, run: Parameters<typeof engine.execPrograms.set>[1]): void => {
    engine.execPrograms.set(EXECS[name].join(' '), run);
  };
  exec('cat', async ({ stdin, print }) => {
    for await (const data of stdin as AsyncIterable<Buffer>) await print(data);
    return 0;
  });
  exec('go', () => {
    adoptAndWait();
    return 0;
  });
  exec('both', async ({ print }) => {
    await print('out\n');
    await print('err\n', 'stderr');
    return 3;
  });
  exec('whoami', async ({ spec: { user, env }, print }) => {
    await print(`${user ?? '0'} a value ${env?.['FROM_SPEC'] ?? ''}\n`);
    return 0;
  });
  exec('size', async ({ size, resized, print }) => {
    await resized;
    await print(`it is ${size().join(' by ')}\n`);
    return 0;
  });
  const addNetwork = (labels: Labels): Promise<string> => {
    engine.networks.set('network', labels);
    return Promise.resolve('network');
  };
  const addVolume = (labels: Labels): Promise<string> => {
    engine.volumes.set('volume', labels);
    return Promise.resolve('volume');
  };
  return { engine, addNetwork, addVolume };
}

export interface EngineUnderTest {
  readonly engine: DockerEngine;
  /** Creates a network, which the port does not; returns its id. */
  readonly addNetwork: (labels: Labels) => Promise<string>;
  /** The same for a volume. */
  readonly addVolume: (labels: Labels) => Promise<string>;
}

function realEngine(): EngineUnderTest {
  const socketPath = '/var/run/docker.sock';
  const addNetwork = async (labels: Labels): Promise<string> => {
    const Name = `docker-worker-contract-${process.pid}`;
    const { id } = await new Docker({ socketPath }).createNetwork({ Name, Labels: { ...labels } });
    return id;
  };
  const addVolume = async (labels: Labels): Promise<string> => {
    const Name = `docker-worker-contract-${process.pid}`;
    await new Docker({ socketPath }).createVolume({ Name, Labels: { ...labels } });
    return Name;
  };
  return { engine: new DockerodeEngine({ socketPath }), addNetwork, addVolume };
}

export const ENGINES: Readonly<Record<string, () => EngineUnderTest>> = {
  'the fake': fakeEngine,
  'the real one': realEngine,
};
