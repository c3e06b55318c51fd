import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { DockerError } from '../../../../src/lib/docker/engine.js';
import { GREETING, SESSION, UNTIL_WAITING, shellCommand } from '../../../../src/local-ci/shell/container-scripts.js';
import { NoShellError, openTaskShell, untilWaiting } from '../../../../src/local-ci/shell/task-shell.js';
import type { FakeExecProgram } from '../../../fakes/fake-exec.js';
import { FakeDockerEngine } from '../../../fakes/fake-docker-engine.js';
import { FakeKeyboard, FakeScreen } from '../../../fakes/fake-terminal.js';
import { runsForEver } from '../../../fakes/fake-container.js';
import { minimalSpec } from '../../../support/minimal-spec.js';
import { until } from '../../../support/until.js';

const NEVER = new AbortController().signal;

describe('a shell in the container of a task', () => {
  let engine: FakeDockerEngine;
  let containerId = '';
  let stdin: FakeKeyboard;
  let stdout: FakeScreen;
  beforeEach(async () => {
    engine = new FakeDockerEngine();
    engine.images.set('image', { id: 'sha256:image', entrypoint: [], command: [] });
    engine.programs.set('run', runsForEver);
    const created = await engine.createContainer(minimalSpec('sha256:image', ['run']));
    containerId = created.id;
    await created.start();
    stdin = new FakeKeyboard();
    stdout = new FakeScreen();
  });

  const runs = (program: FakeExecProgram, script = SESSION) =>
    engine.execPrograms.set(shellCommand(script).join(' '), program);
  const open = (signal: AbortSignal = NEVER, terminalType?: string) =>
    openTaskShell({ engine, containerId, stdin, stdout, terminalType, signal });
  const isRestored = () => {
    assert.equal(stdin.isRaw, false);
    assert.equal(stdin.isPaused(), true);
    assert.deepEqual([stdin.listenerCount('data'), stdout.listenerCount('resize')], [0, 0]);
    assert.ok(engine.execs.every(({ isClosed }) => isClosed));
  };

  it('has the keyboard, as it is, until it ends with its exit code', async () => {
    runs(async ({ stdin: keys, print }) => {
      await print(`${GREETING}\n$ `);
      for await (const data of keys) {
        await print(`<${String(data)}>`);
        if (String(data).includes('\x04')) return 7;
      }
      return 0;
    });
    const exitCode = open();
    await until('the prompt', () => stdout.text.includes('$ '));
    assert.deepEqual(stdin.modes, [true]);
    stdin.write('a\x03');
    await until('an echo', () => stdout.text.includes('<a\x03>'));
    stdin.write('\x04');
    assert.equal(await exitCode, 7);
    assert.deepEqual(stdin.modes, [true, false]);
    isRestored();
    const [exec] = engine.execs;
    assert.deepEqual(exec?.spec.env, { TERM: 'xterm-256color' });
    assert.equal(exec.spec.tty, true);
    assert.ok(!stdout.text.includes('has ended'));
  });

  it('has a terminal of the size of the one of the user, at any time', async () => {
    const sizes: (readonly [number, number])[] = [];
    runs(async ({ resized, size, stdin: keys }) => {
      await resized;
      sizes.push(size());
      for await (const data of keys) if (String(data) === 'x') break;
      sizes.push(size());
      return 0;
    });
    const exitCode = open(NEVER, 'dumb');
    await until('the first size', () => sizes.length === 1);
    Object.assign(stdout, { rows: 50, columns: 200 });
    stdout.emit('resize');
    Object.assign(stdout, { rows: 51, columns: 201 });
    stdout.emit('resize');
    stdin.write('x');
    assert.equal(await exitCode, 0);
    assert.deepEqual(sizes, [
      [30, 100],
      [51, 201],
    ]);
    assert.deepEqual(engine.execs[0]?.spec.env, { TERM: 'dumb' });
  });

  it('has a usual size when that of the terminal is not known', async () => {
    Object.assign(stdout, { rows: 0, columns: 0 });
    runs(async ({ resized, size }) => {
      await resized;
      return size()[0];
    });
    assert.equal(await open(), 24);
  });

  it('reads commands when there is no terminal', async () => {
    const input = new PassThrough();
    input.end('echo x\n');
    let given = '';
    runs(async ({ stdin: commands, print }) => {
      for await (const data of commands) given += String(data);
      await print('x\n');
      await print('trouble\n', 'stderr');
      return 3;
    });
    assert.equal(await openTaskShell({ engine, containerId, stdin: input, stdout, signal: NEVER }), 3);
    assert.equal(given, 'echo x\n');
    assert.equal(stdout.text, 'x\ntrouble\n');
    assert.equal(engine.execs[0]?.spec.tty, false);
    assert.equal(engine.execs[0].spec.env, undefined);
  });

  it('gets the end of the input when the terminal is gone', async () => {
    runs(async ({ stdin: keys }) => {
      for await (const data of keys) if (String(data) === '\x04') return 0;
      return 1;
    });
    const exitCode = open();
    stdin.end();
    assert.equal(await exitCode, 0);
  });

  it('says that the container has ended', async () => {
    runs(async ({ print }) => {
      await print(`${GREETING}\n`);
      await new Promise(() => undefined);
      return 0;
    });
    const exitCode = open();
    await until('the greeting', () => stdout.text.includes(GREETING));
    engine.containers.get(containerId)?.endNow();
    assert.equal(await exitCode, 137);
    assert.ok(stdout.text.endsWith('\nThe container of the task has ended.\n'), stdout.text);
    isRestored();
  });

  it('passes on the exit code of a shell that was killed in a container that runs on', async () => {
    runs(() => 137);
    assert.equal(await open(), 137);
    assert.equal(stdout.text, '');
  });

  it('gives the terminal back when it is told to, and when the engine is lost', async () => {
    runs(() => new Promise(() => undefined));
    const stop = new AbortController();
    const stopped = open(stop.signal);
    await until('raw mode', () => stdin.isRaw);
    stop.abort(new Error('enough'));
    await assert.rejects(stopped, /enough/);
    isRestored();
    engine.fail('exec', new DockerError('out of order', 500));
    await assert.rejects(open(), /out of order/);
    isRestored();
  });

  it('is refused by an image without /bin/sh, and by a container that has ended', async () => {
    const isRefused = (pattern: RegExp) => (error: unknown) => {
      assert.ok(error instanceof NoShellError);
      assert.match(error.message, pattern);
      return true;
    };
    await assert.rejects(open(), isRefused(/its image has no \/bin\/sh/));
    await assert.rejects(untilWaiting({ engine, containerId }, NEVER), isRefused(/has no \/bin\/sh/));
    engine.fail('exec', new DockerError(`container ${containerId} is not running`, 409));
    await assert.rejects(open(), isRefused(/has ended/));
    await engine.removeContainer(containerId);
    await assert.rejects(open(), isRefused(/has ended/));
    isRestored();
  });

  it('passes on 126 and 127 of a shell that was there', async () => {
    for (const code of [126, 127]) {
      runs(async ({ print }) => {
        await print(`${GREETING}\n`);
        return code;
      });
      assert.equal(await open(), code);
    }
  });

  it('waits until the task waits for it, or has ended', async () => {
    let go = (): void => undefined;
    runs(async () => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return 0;
    }, UNTIL_WAITING);
    const waiting = untilWaiting({ engine, containerId }, NEVER);
    await until('the process', () => engine.execs.length === 1);
    go();
    assert.equal(await waiting, true);
    const ending = untilWaiting({ engine, containerId }, NEVER);
    await until('another one', () => engine.execs.length === 2);
    engine.containers.get(containerId)?.endNow();
    assert.equal(await ending, false);
    await engine.removeContainer(containerId);
    assert.equal(await untilWaiting({ engine, containerId }, NEVER), false);
  });
});
