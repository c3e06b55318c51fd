import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CiInputError } from '../../../../src/local-ci/model.js';
import type { JsonObject } from '../../../../src/local-ci/model.js';
import { waitingForShell } from '../../../../src/local-ci/payload/waiting-for-shell.js';
import type { ShellMode } from '../../../../src/local-ci/payload/waiting-for-shell.js';
import { SESSION, UNTIL_WAITING, shellCommand } from '../../../../src/local-ci/shell/container-scripts.js';
import { needsPrograms } from '../../../support/skip-because.js';
import { until } from '../../../support/until.js';

const CREATED = '2026-01-01T00:00:00.000Z';
const DEADLINE = '2026-01-01T02:00:00.500Z';
const payloadOf = ({ payload }: JsonObject) => payload as { command: string[]; maxRunTime: number; image: string };

describe('a task that waits for a shell', () => {
  const definition = {
    created: CREATED,
    deadline: DEADLINE,
    payload: { image: 'x', command: ['true'], maxRunTime: 60 },
  };

  it('has until its deadline', () => {
    const { maxRunTime, image } = payloadOf(waitingForShell(definition, 'before'));
    assert.equal(maxRunTime, 7201);
    assert.equal(image, 'x');
    const longer = { ...definition, payload: { ...definition.payload, maxRunTime: 9000 } };
    assert.equal(payloadOf(waitingForShell(longer, 'before')).maxRunTime, 9000);
    const { payload } = definition;
    for (const times of [{}, { created: 'x', deadline: 7 }, { created: CREATED }])
      assert.equal(payloadOf(waitingForShell({ ...times, payload }, 'on-failure')).maxRunTime, 60);
  });

  it('has no command that can be replaced if nobody knows it', () => {
    const without = { payload: { image: 'some/image:1' } };
    assert.throws(
      () => waitingForShell(without, 'before'),
      (error: Error) => {
        assert.ok(error instanceof CiInputError);
        assert.match(error.message, /image "some\/image:1" is not known .*: pull the image, or set payload\.command/);
        return true;
      },
    );
    assert.throws(() => waitingForShell(without, 'before', { imageCommand: [] }), /nor has its image "some\/image:1"/);
    assert.throws(() => waitingForShell({ payload: { image: {}, command: [7] } }, 'before'), CiInputError);
    const known = payloadOf(waitingForShell(without, 'before', { imageCommand: ['serve', '-v'] }));
    assert.deepEqual(known.command.slice(-2), ['serve', '-v']);
    assert.deepEqual(waitingForShell({ payload: 'x' }, 'before'), { payload: 'x' });
  });

  it('names its deadline only as a date', () => {
    const { payload } = definition;
    const { command } = payloadOf(waitingForShell({ deadline: '\x1b[2J2026-01-01', payload }, 'before'));
    assert.ok(command.includes("the task's deadline"), JSON.stringify(command));
  });

  // What the machine itself has at the places where a container would have its files is left alone: the scripts run in a
  // directory of their own, which takes the place of /tmp.
  describe('in its container', () => {
    let directory = '';
    const children: ChildProcess[] = [];
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'waiting-for-shell-'));
    });
    afterEach(async () => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    });

    const start = (command: readonly string[], input = '', interpreter = ['/bin/sh']) => {
      const [, ...scriptAndWords] = command;
      const [program = '', ...args] = [...interpreter, ...scriptAndWords].map((word) =>
        word.replaceAll('/tmp /var/tmp /dev/shm .', directory),
      );
      const child = spawn(program, args, { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
      children.push(child);
      // It may end without reading.
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
      const ended = once(child, 'close').then(([code]) => code as number | null);
      return { printed: text(child.stdout), complained: text(child.stderr), ended };
    };
    const startTask = (mode: ShellMode, command: readonly string[], interpreter?: string[]) =>
      start(
        payloadOf(waitingForShell({ ...definition, payload: { image: 'x', command } }, mode)).command,
        '',
        interpreter,
      );
    const session = (input: string, interpreter?: string[]) => start(shellCommand(SESSION), input, interpreter);
    const untilWaiting = async (interpreter?: string[]) => {
      assert.equal(await start(shellCommand(UNTIL_WAITING), '', interpreter).ended, 0);
    };

    it('waits in place of its command, and ends with the exit code of the shell', async () => {
      const task = startTask('before', ['touch', 'was-run']);
      await untilWaiting();
      const shell = session('echo "here in $PWD"\nexit 7\n');
      assert.equal(await shell.ended, 7);
      assert.equal(await task.ended, 7);
      const printed = await shell.printed;
      assert.match(printed, /^\[local-ci\] A shell in the container of the task\.\n/);
      assert.ok(printed.includes(`sh ${directory}/local-ci-command`), printed);
      assert.ok(printed.includes(`here in ${directory}`), printed);
      assert.equal(existsSync(join(directory, 'was-run')), false);
      assert.match(await task.printed, /waits for a shell, at the longest until 2026-01-01T02:00:00\.500Z: maxRunTime/);
    });

    // What /bin/sh is in images.
    for (const interpreter of [['sh'], ['bash', '--posix'], ['busybox', 'sh']]) {
      it(`has its command at hand, whatever words that has, with ${interpreter.join(' ')}`, async function () {
        needsPrograms(this, ...interpreter.slice(0, 1));
        const words = ['printf', '%s|', "it's", `'''"$HOME" \\ \``, 'a\nb', '', '-n', '*', "'", 'ä'];
        const task = startTask('before', words, interpreter);
        await untilWaiting(interpreter);
        const shell = session(`./local-ci-command >printed\nsh local-ci-command >again\n`, interpreter);
        assert.equal(await shell.ended, 0);
        assert.equal(await task.ended, 0);
        const expected = words.slice(2).map((word) => `${word}|`);
        assert.equal(await readFile(join(directory, 'printed'), 'utf8'), expected.join(''));
        assert.equal(await readFile(join(directory, 'again'), 'utf8'), expected.join(''));
      });
    }

    it('does not wait for a shell after a success', async () => {
      const task = startTask('on-failure', ['echo', 'fine']);
      assert.equal(await task.ended, 0);
      assert.equal(await task.printed, 'fine\n');
    });

    it('waits after a failure, and ends with the exit code of the command', async () => {
      const task = startTask('on-failure', ['sh', '-c', 'echo run >>runs; exit 9']);
      await untilWaiting();
      assert.equal(await session('sh local-ci-command\nexit 0\n').ended, 0);
      assert.equal(await task.ended, 9);
      assert.equal(await readFile(join(directory, 'runs'), 'utf8'), 'run\nrun\n');
      assert.match(
        await task.printed,
        /^\[local-ci\] The command ended with exit code 9\.\n\[local-ci\] The container waits/,
      );
    });

    it('runs programs, and not what the shell knows by the same name', async () => {
      await writeFile(join(directory, 'exit'), '#!/bin/sh\necho program\nexit 0\n');
      await chmod(join(directory, 'exit'), 0o755);
      const task = startTask('on-failure', [`${directory}/exit`, '3']);
      assert.equal(await task.ended, 0);
      assert.equal(await task.printed, 'program\n');
      const missing = startTask('on-failure', ['return', '0']);
      await untilWaiting();
      await session('exit\n').ended;
      assert.equal(await missing.ended, 127);
    });

    it('takes what an earlier task left for nothing, and waits on when its file is deleted', async () => {
      await writeFile(join(directory, 'local-ci-session'), '0\n');
      const task = startTask('before', ['true']);
      await untilWaiting();
      const shell = session('rm local-ci-session\nexit 5\n');
      assert.equal(await shell.ended, 5);
      assert.equal(await task.ended, 5);
    });

    it('says when nothing can be written, and fails', async () => {
      const nowhere = join(directory, 'missing');
      const { command } = payloadOf(waitingForShell(definition, 'before'));
      const task = start(command.map((word) => word.replaceAll('/tmp /var/tmp /dev/shm .', nowhere)));
      assert.equal(await task.ended, 1);
      assert.match(await task.printed, /No shell can be opened: nothing can be written in .*missing of this container/);
      assert.equal(await task.complained, '');
    });

    it('has a shell that ends nothing when the container does not wait', async () => {
      const shell = session('exit 3\n');
      assert.equal(await shell.ended, 3);
      assert.equal(await shell.printed, '[local-ci] A shell in the container of the task.\n');
      assert.equal(existsSync(join(directory, 'local-ci-session')), false);
    });

    it('does not end before its shell does', async () => {
      const task = startTask('before', ['true']);
      await untilWaiting();
      const shell = session('echo started >started; read line; exit 0\n');
      await until('the shell has started', () => existsSync(join(directory, 'started')) || undefined);
      assert.equal(await shell.ended, 0);
      assert.equal(await task.ended, 0);
    });
  });
});
