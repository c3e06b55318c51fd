import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BUSYBOX,
  ENTRYPOINT_PREFIX,
  FIFO,
  HOLD_DIRECTORY,
} from '../../../../src/lib/features/interactive/container-scripts.js';
import type { ShellEndpoint } from '../../../../src/lib/features/interactive/interactive-server.js';
import { interactive } from '../../../../src/lib/features/interactive/interactive.js';
import type { InteractiveOptions } from '../../../../src/lib/features/interactive/interactive.js';
import { RunFixture } from '../../task/run-fixture.js';
import { PAYLOAD, TASK_ID, WORKER, taskOf } from '../../task/task-fixture.js';
import { ServiceError } from '../../../../src/lib/outcome/service-error.js';

const ASKING = { ...PAYLOAD, features: { interactive: true } };
const NAME = 'private/x/shell.html';
const TOKEN = 'the-token-of-the-shell';
const NOW = new Date('2026-11-23T12:00:00.000Z');
const COMMAND = [...ENTRYPOINT_PREFIX, 'succeed'].join(' ');

describe('the feature interactive', () => {
  let run: RunFixture;
  /** Addresses that are open. */
  const endpoints = new Set<ShellEndpoint>();
  /** Of the host name. */
  let validUntil: Date;
  const server: NonNullable<InteractiveOptions['server']> = {
    newAddresses: (expires) => {
      validUntil = expires;
      return { origin: 'https://example.com:1', tokens: { shell: TOKEN, displays: 'the-token-of-the-displays' } };
    },
    open: (_side, _expires, addresses) => {
      const { shell } = addresses?.tokens ?? assert.fail('the addresses are not those of the record');
      const url = `wss://example.com:1/${shell}/shell.sock`;
      const others = { displayUrl: `wss://${shell}/display`, displaysUrl: `https://${shell}/displays` };
      const endpoint = { url, ...others, close: () => void endpoints.delete(endpoint) };
      endpoints.add(endpoint);
      return endpoint;
    },
  };
  const feature = (options: Partial<InteractiveOptions> = {}) =>
    interactive({
      server,
      artifactName: 'private/x/',
      busyboxPath: '/bin/busybox',
      displayToolsPath: '/nowhere',
      minTimeSeconds: 0,
      expirationAfterSessionSeconds: 0,
      now: () => NOW,
      ...options,
    });
  /** `exitCode` is the command's, before it is released. */
  const start = async (options: Partial<InteractiveOptions> = {}, exitCode = 0): Promise<void> => {
    run = await RunFixture.create({ features: () => [feature(options)] });
    run.engine.programs.set(COMMAND, async () => {
      const [, bind = assert.fail()] = run.engine.specs[0]?.binds ?? [];
      const directory = bind.split(':')[0] ?? '';
      const [ended, release] = await Promise.all(
        [FIFO.ended, FIFO.release].map((name) => open(join(directory, name), 'r+')),
      );
      assert.ok(ended && release);
      await run.log.next('interactive shell published');
      await ended.write(`${exitCode}\n`);
      assert.equal((await release.read(Buffer.alloc(10))).bytesRead, 1);
      await Promise.all([ended.close(), release.close()]);
      return exitCode;
    });
  };
  afterEach(async () => {
    assert.deepEqual([...endpoints], [], 'addresses are left');
    await run.remove();
  });

  it('holds the container until no session may begin, and exits with the command’s code', async () => {
    await start({}, 5);
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    const { entrypoint, command, binds } = run.engine.specs[0] ?? assert.fail();
    assert.deepEqual(entrypoint, ENTRYPOINT_PREFIX);
    assert.deepEqual(command, ['succeed']);
    assert.match(binds[0] ?? '', new RegExp(`^/[^:]*/busybox:${BUSYBOX}:ro$`));
    assert.match(binds[1] ?? '', new RegExp(`^/[^:]*/interactive-[^:/]*:${HOLD_DIRECTORY}:ro$`));
    assert.equal(run.log.of('interactive command ended')[0]?.fields['exitCode'], 5);
  });

  it('publishes the address for as long as it may be valid, and keeps it out of every log', async () => {
    await start();
    let secrets: readonly string[] = [];
    run.trace.at('container.ended', () => {
      secrets = [...run.log.secrets];
    });
    await run.run({ ...ASKING, maxRunTime: 3600 });
    const { request } = run.queue.artifacts.find(({ name }) => name === NAME) ?? assert.fail();
    assert.ok(request.storageType === 'reference');
    const url = new URL(request.url);
    assert.equal(`${url.origin}${url.pathname}`, `${WORKER.rootUrl}/shell/`);
    const socketUrl = `wss://example.com:1/${TOKEN}/shell.sock`;
    assert.deepEqual(Object.fromEntries(url.searchParams), { v: '2', socketUrl, taskId: TASK_ID, runId: '0' });
    assert.deepEqual([request.contentType, request.expires], ['text/html', '2026-11-23T13:15:00.000Z']);
    // The deadline, after which no run lasts.
    assert.equal(validUntil.toISOString(), '2026-11-24T00:15:00.000Z');
    assert.ok(secrets.includes(TOKEN));
    assert.ok(!JSON.stringify(run.log.records).includes(TOKEN));
    assert.ok(!run.text.includes(TOKEN));
    assert.match(run.text, /Interactive shell: open the artifact private\/x\/shell\.html in a browser/);
  });

  it('publishes nothing that outlives the task', async () => {
    await start({ now: () => new Date(Date.parse(taskOf({}).expires) - 1000) });
    await run.run(ASKING);
    const { request } = run.queue.artifacts.find(({ name }) => name === NAME) ?? assert.fail();
    assert.equal('expires' in request && request.expires, taskOf({}).expires);
  });

  it('tells the author when no session can be opened, and continues', async () => {
    const displayToolsPath = await mkdtemp(join(tmpdir(), 'display-tools-'));
    for (const name of ['x11vnc', 'list-displays']) await writeFile(join(displayToolsPath, name), '', { mode: 0o755 });
    await start({ displayToolsPath });
    run.engine.programs.set(COMMAND, async () => {
      await run.log.next('interactive shell not published');
      await run.log.next('interactive display not published');
      return 0;
    });
    run.queue.fail(
      'createArtifact',
      new ServiceError('taskcluster', 'no', 400),
      new ServiceError('taskcluster', 'no', 400),
    );
    await run.run(ASKING);
    await rm(displayToolsPath, { recursive: true });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    for (const kind of ['shell', 'display']) {
      const told = `The artifact private/x/${kind}.html could not be created, so no ${kind} can be opened: no`;
      assert.ok(run.text.includes(told), run.text);
    }
  });

  it('reserves its artifact names', async () => {
    await start();
    await run.run({ ...ASKING, artifacts: { [NAME]: { type: 'file', path: '/x' } } });
    assert.deepEqual(run.queue.resolutions, ['reportException malformed-payload']);
    assert.match(run.text, /"private\/x\/shell\.html" is published by the worker itself \(interactive\)/);
  });

  it('reports what the worker lacks', async () => {
    for (const [options, reason] of [
      [{ server: undefined }, /interactive: this worker cannot serve interactive sessions/],
      [{ busyboxPath: '/nowhere/busybox' }, /interactive: this worker lacks the static busybox/],
      [{ busyboxPath: process.execPath }, /interactive: this worker lacks the static busybox/],
    ] as const) {
      await start(options);
      await run.run(ASKING);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
      assert.match(run.text, reason);
    }
  });

  it('does not change other tasks', async () => {
    await start();
    await run.run(PAYLOAD);
    const { entrypoint, binds } = run.engine.specs[0] ?? assert.fail();
    assert.deepEqual([entrypoint, binds], [undefined, []]);
  });
});
