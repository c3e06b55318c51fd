import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import type { FoundContainer } from '../../src/lib/docker/engine.js';
import { IsolatedDaemon } from '../support/docker-daemon.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { skipBecause } from '../support/skip-because.js';
import { until } from '../support/until.js';

const IMAGE = 'docker-worker/test:latest';
const LABELS = { kind: 'restart' };
const LOG_DRIVER = { type: 'local', options: { 'max-size': '1t', 'max-file': '1', compress: 'false' } };

describe('a container whose engine crashes', () => {
  const { signal } = new AbortController();
  /** /shared in the containers. */
  let shared: string;

  before(function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'a second Docker daemon needs root');
  });
  beforeEach(async () => {
    shared = await mkdtemp(join(tmpdir(), 'shared-'));
  });
  afterEach(() => rm(shared, { recursive: true }));

  interface Crash {
    /** For the engine. */
    readonly flags: readonly string[];
    /** Each creates a file in /shared when it runs. */
    readonly scripts: readonly string[];
    /** What happens while the engine is away. */
    readonly meanwhile?: () => Promise<void>;
    readonly after: (found: readonly FoundContainer[]) => Promise<void>;
  }

  /** Starts containers, kills the engine, starts it again and finds them. */
  const crash = async ({ flags, scripts, meanwhile, after }: Crash): Promise<void> => {
    await using daemon = await IsolatedDaemon.start(...flags);
    const engine = new DockerodeEngine({ socketPath: daemon.socketPath });
    const image = (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail(`${IMAGE} is missing`);
    const more = { labels: LABELS, logDriver: LOG_DRIVER, binds: [`${shared}:/shared`] };
    const ids: string[] = [];
    for (const script of scripts) {
      const created = await engine.createContainer(minimalSpec(image, ['sh', '-c', script], more));
      await created.start();
      ids.push(created.id);
    }
    await until('all containers run', async () => (await readdir(shared)).length === scripts.length);
    await daemon.kill();
    await meanwhile?.();
    await daemon.startAgain(...flags);
    const find = async (id: string): Promise<FoundContainer> =>
      (await engine.findContainer(id, LABELS, signal)) ?? assert.fail('it is not found');
    await after(await Promise.all(ids.map(find)));
    for (const id of ids) await engine.removeContainer(id);
  };

  const printed = async (found: FoundContainer): Promise<string> => {
    let output = '';
    const { drained } = await found.readOutput(
      async (chunks) => {
        output = await text(chunks);
      },
      { follow: false },
      signal,
    );
    await drained;
    return output;
  };

  const WAITING = 'echo one; touch /shared/begun; until test -e /shared/go; do sleep 0.1; done; echo two; exit 5';
  const go = (): Promise<void> => writeFile(join(shared, 'go'), '');

  it('goes on with live-restore, and is seen to end after that', async () => {
    await crash({
      flags: ['--live-restore'],
      scripts: [WAITING],
      after: async ([found = assert.fail()]) => {
        assert.equal(found.state, 'running');
        await go();
        assert.equal((await found.running.wait(signal)).exitCode, 5);
        assert.equal(await found.lookUpEnd(signal), 'seen');
        assert.equal(await printed(found), 'one\r\ntwo\r\n');
      },
    });
  });

  it('is not seen to end if that happens while the engine is away', async () => {
    await crash({
      flags: ['--live-restore'],
      scripts: [WAITING.replace('exit', 'touch /shared/ended; exit')],
      meanwhile: async () => {
        await go();
        await until('it ends', async () => (await readdir(shared)).includes('ended'));
        await delay(500);
      },
      after: async ([found = assert.fail()]) => {
        assert.equal(found.state, 'ended');
        assert.equal(await found.lookUpEnd(signal), 'unknown');
      },
    });
  });

  it('is not seen to end if the engine, without live-restore, ends it at its next start', async () => {
    const onTerm = (action: string, file: string): string =>
      `trap '${action}' TERM; touch /shared/${file}; while :; do sleep 0.1; done`;
    await crash({
      flags: [],
      scripts: [onTerm('exit 0', 'obeys'), onTerm('', 'ignores')],
      after: async (found) => {
        assert.deepEqual(
          found.map(({ state }) => state),
          ['ended', 'ended'],
        );
        assert.deepEqual(await Promise.all(found.map((each) => each.lookUpEnd(signal))), ['ordered', 'ordered']);
      },
    });
  });
});
