import assert from 'node:assert/strict';
import { LABEL } from '../../../src/lib/docker/engine.js';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { waitingForShell } from '../../../src/local-ci/payload/waiting-for-shell.js';
import type { ShellMode } from '../../../src/local-ci/payload/waiting-for-shell.js';
import { NoShellError, openTaskShell, untilWaiting } from '../../../src/local-ci/shell/task-shell.js';
import { FakeKeyboard, FakeScreen } from '../../fakes/fake-terminal.js';
import { bareImage } from '../../support/bare-image.js';
import { minimalSpec } from '../../support/minimal-spec.js';
import { testTask } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const NEVER = new AbortController().signal;
const engine = new DockerodeEngine({ socketPath: '/var/run/docker.sock' });

describe('a shell in the container of a task, with the real engine', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start();
  });
  after(() => harness.close());

  /** Creates the task, and waits for its container. */
  const start = async (payload: object, mode: ShellMode, imageCommand?: readonly string[]) => {
    const definition = testTask(payload);
    const changed = waitingForShell(definition, mode, imageCommand ? { imageCommand } : {});
    const taskId = await harness.create(changed['payload'] as object);
    const labels = { [LABEL.taskId]: taskId };
    const containerId = await until('a container that runs', async () => {
      const [first] = await engine.findContainers(labels, NEVER);
      const found = first && (await engine.findContainer(first.id, {}, NEVER));
      return found?.state === 'running' ? found.id : '';
    });
    return { taskId, containerId };
  };
  const open = (containerId: string) => {
    const [stdin, stdout] = [new FakeKeyboard(), new FakeScreen()];
    const exitCode = openTaskShell({ engine, containerId, stdin, stdout, signal: NEVER });
    const sees = async (text: string) => {
      await until(text, () => stdout.text.includes(text));
    };
    return { stdin, stdout, exitCode, sees };
  };

  it('takes the place of the command, on a terminal, and its exit code is that of the task', async () => {
    const { taskId, containerId } = await start({ command: ['echo', 'the', "task's words"], maxRunTime: 1 }, 'before');
    assert.equal(await untilWaiting({ engine, containerId }, NEVER), true);
    const { stdin, stdout, exitCode, sees } = open(containerId);
    await sees('local-ci-command');
    stdin.write('until test "$(stty size)" = "30 100"; do :; done; echo "sized $TASK_ID"\n');
    await sees(`sized ${taskId}`);
    Object.assign(stdout, { rows: 45, columns: 123 });
    stdout.emit('resize');
    stdin.write('until test "$(stty size)" = "45 123"; do :; done; echo "re"sized\n');
    await sees('resized');
    stdin.write(`sh -c 'echo "go"ing; exec sleep 1000'\n`);
    await sees('going');
    stdin.write('\x03');
    stdin.write('sh /tmp/local-ci-command\n');
    await sees("the task's words\r\n");
    stdin.write('exit 7\n');
    assert.equal(await exitCode, 7);
    assert.deepEqual(stdin.modes, [true, false]);
    const { run, log } = await harness.finish(taskId);
    assert.equal(run.state, 'failed', log);
    assert.match(log, /exit code: 7 /);
    assert.match(log, /The container waits for a shell, at the longest until 20/);
  });

  it('is there after a failure, and not after a success', async () => {
    const failing = ['sh', '-c', 'echo tried >>/root/tries; exit 9'];
    const { taskId, containerId } = await start({ command: failing }, 'on-failure');
    assert.equal(await untilWaiting({ engine, containerId }, NEVER), true);
    const { stdin, exitCode, sees } = open(containerId);
    await sees('local-ci-command');
    stdin.write('/tmp/local-ci-command; echo "again: $?"; wc -l </root/tries; exit\n');
    await sees('again: 9\r\n2\r\n');
    assert.equal(await exitCode, 0);
    const { log } = await harness.finish(taskId);
    assert.match(log, /exit code: 9 /);

    const fine = await start({ command: ['sh', '-c', 'sleep 2; echo fine'] }, 'on-failure');
    assert.equal(await untilWaiting({ engine, containerId: fine.containerId }, NEVER), false);
    const { run } = await harness.finish(fine.taskId);
    assert.equal(run.state, 'completed');
  });

  it('works behind an entrypoint, for another user than root, with the command of the image', async () => {
    const image = 'docker-worker/test-entrypoint:latest';
    const { command } = (await engine.inspectImage(image, NEVER)) ?? assert.fail();
    const { taskId, containerId } = await start({ image, command: [] }, 'before', command);
    assert.equal(await untilWaiting({ engine, containerId }, NEVER), true);
    const { stdin, exitCode, sees } = open(containerId);
    await sees('local-ci-command');
    stdin.write('whoami; sh /tmp/local-ci-command; exit 0\n');
    await sees('worker\r\n');
    await sees('default command\r\n');
    assert.equal(await exitCode, 0);
    const { run, log } = await harness.finish(taskId);
    assert.equal(run.state, 'completed', log);
  });

  it('says that the container has ended when the task is canceled', async () => {
    const { taskId, containerId } = await start({ command: ['true'] }, 'before');
    assert.equal(await untilWaiting({ engine, containerId }, NEVER), true);
    const { stdin, stdout, exitCode, sees } = open(containerId);
    await sees('local-ci-command');
    await harness.queue.cancelTask(taskId);
    assert.equal(await exitCode, 137);
    assert.ok(stdout.text.endsWith('\nThe container of the task has ended.\n'), JSON.stringify(stdout.text));
    assert.equal(stdin.isRaw, false);
  });

  it('can not be had of an image without /bin/sh', async () => {
    const name = await bareImage(harness.docker);
    const { id } = (await engine.inspectImage(name, NEVER)) ?? assert.fail();
    const { run, log } = await harness.run({ ...(testTask()['payload'] as object), image: name, command: ['/bin/sh'] });
    assert.equal(run.state, 'failed');
    assert.match(log, /"\/bin\/sh".*no such file or directory/);
    // It can run all the same: with one program of this machine.
    const spec = minimalSpec(id, ['/busybox', 'sleep', '1000'], { binds: ['/bin/busybox:/busybox:ro'] });
    const created = await engine.createContainer(spec);
    try {
      await created.start();
      const stdin = new FakeKeyboard();
      const opening = openTaskShell({
        engine,
        containerId: created.id,
        stdin,
        stdout: new FakeScreen(),
        signal: NEVER,
      });
      await assert.rejects(opening, NoShellError);
      assert.equal(stdin.isRaw, false);
      await assert.rejects(untilWaiting({ engine, containerId: created.id }, NEVER), NoShellError);
    } finally {
      await engine.removeContainer(created.id);
    }
  });
});
