import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { InteractiveTasks } from '../../support/interactive-tasks.js';
import { framed } from '../../support/shell-client.js';

/** Lists what the task has put into a file. */
const LIST_DISPLAYS = `#!/.taskclusterutils/busybox sh
cat /tmp/displays || { echo "no X" >&2; exit 3; }
`;

/**
 * Serves the port it is told, once: says hello as VNC servers do, what display and title it has, and then what it is told.
 * It begins late, as programs do that have to connect to a display first.
 */
const X11VNC = `#!/.taskclusterutils/busybox sh
while [ $# -gt 0 ]; do
  case $1 in -display) display=$2; shift;; -desktop) export DESKTOP="$2"; shift;; -rfbport) port=$2; shift;; esac
  shift
done
[ "$display" != :9 ] || { echo "unable to open display" >&2; exit 1; }
export DISPLAY=$display
echo 'printf "RFB 003.008\\n%s %s\\n" "$DISPLAY" "$DESKTOP"; exec cat' > /tmp/serve-$$
chmod +x /tmp/serve-$$
sleep 0.3
exec /.taskclusterutils/busybox nc -l -p "$port" -e /.taskclusterutils/busybox sh /tmp/serve-$$
`;

describe('the displays of an interactive task', () => {
  let directory: string;
  let tasks: InteractiveTasks;
  const sockets: WebSocket[] = [];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'display-tools-'));
    await chmod(directory, 0o755);
    for (const [name, script] of Object.entries({ x11vnc: X11VNC, 'list-displays': LIST_DISPLAYS })) {
      await writeFile(join(directory, name), script, { mode: 0o755 });
    }
    tasks = await InteractiveTasks.start({ displayPath: directory }, { capacity: 4 });
  });
  after(async () => {
    for (const socket of sockets) socket.terminate();
    await tasks.close();
    await rm(directory, { recursive: true });
  });

  /** As the pages of Taskcluster do. */
  const see = (socketUrl: string, display: string): { readonly socket: WebSocket; received: () => Buffer } => {
    const socket = new WebSocket(`${socketUrl}?display=${display}`, ['binary']);
    sockets.push(socket);
    const parts: Buffer[] = [];
    socket.on('message', (data: Buffer) => parts.push(data));
    return { socket, received: () => Buffer.concat(parts) };
  };
  const sees = async (client: ReturnType<typeof see>, bytes: number): Promise<Buffer> => {
    while (client.received().length < bytes) await once(client.socket, 'message');
    return client.received();
  };
  const helloOf = (display: string, taskId: string): Buffer =>
    Buffer.from(`RFB 003.008\n${display} ${display} of task ${taskId}, run 0\n`);

  it('can be listed and seen, byte for byte, and keep it alive', async () => {
    const { taskId, url } = await tasks.open();
    const { socketUrl, displaysUrl } = await tasks.displaysOf(taskId);
    const early = await fetch(displaysUrl);
    assert.equal(early.status, 500);
    assert.match(await early.text(), /The displays can't be listed: list-displays ended with exit code 3: .*\n?.*no X/);
    await (
      await framed(url, ['sh', '-c', "printf ':0.0\\t1024x768\\n:1.0\\t640x480\\n' > /tmp/displays"])
    ).exitCode;
    const listed = await fetch(displaysUrl);
    assert.equal(listed.headers.get('access-control-allow-origin'), '*');
    assert.deepEqual(await listed.json(), [
      { display: ':0.0', width: 1024, height: 768 },
      { display: ':1.0', width: 640, height: 480 },
    ]);
    const [first, second] = [see(socketUrl, ':0.0'), see(socketUrl, ':1.0')];
    const [hello, other] = [helloOf(':0.0', taskId), helloOf(':1.0', taskId)];
    assert.deepEqual(await sees(first, hello.length), hello);
    assert.deepEqual(await sees(second, other.length), other);
    const sent = randomBytes(3_000_000);
    for (let from = 0; from < sent.length; from += 10_000) first.socket.send(sent.subarray(from, from + 10_000));
    const received = (await sees(first, hello.length + sent.length)).subarray(hello.length);
    const [expected, actual] = [sent, received].map((data) => createHash('sha256').update(data).digest('hex'));
    assert.equal(actual, expected);
    await tasks.letGo(url, 6);
    const { fields } = await tasks.harness.log.next('interactive command ended', taskId);
    assert.equal(fields['remainingMs'], undefined);
    first.socket.close();
    second.socket.terminate();
    const { run, log } = await tasks.harness.finish(taskId);
    assert.equal(run.state, 'failed', log);
    assert.match(log, /Interactive session \d opened: display :0\.0\n/);
    const token = new URL(socketUrl).pathname.split('/')[1] ?? '';
    assert.match(token, /^[\w-]{22}$/);
    for (const text of [log, JSON.stringify(tasks.harness.log.records)]) assert.ok(!text.includes(token));
    assert.equal((await fetch(displaysUrl)).status, 404);
  });

  it('are cut at the end of the run, and leave no process before that', async () => {
    const { taskId } = await tasks.open();
    const { socketUrl } = await tasks.displaysOf(taskId);
    const [left, stays] = [see(socketUrl, ':0'), see(socketUrl, ':0')];
    const { length } = helloOf(':0', taskId);
    await Promise.all([sees(left, length), sees(stays, length)]);
    const serving = async (): Promise<number> =>
      (await tasks.processes()).filter((command) => command.includes('busybox nc 127.0.0.1')).length;
    assert.ok((await serving()) > 0);
    const before = await serving();
    left.socket.terminate();
    while ((await serving()) >= before);
    const closed = once(stays.socket, 'close');
    await tasks.harness.queue.cancelTask(taskId);
    assert.equal((await closed)[0], 1001);
  });

  it('that there are not are told of', async () => {
    const { taskId, url } = await tasks.open();
    const { socketUrl } = await tasks.displaysOf(taskId);
    const { socket, received } = see(socketUrl, ':9');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString(), received().length], [1000, 'exit code 1', 0]);
    await tasks.letGo(url);
    const { log } = await tasks.harness.finish(taskId);
    assert.match(log, /Interactive session 1 closed with exit code 1 after \d seconds: unable to open display\n/);
  });

  it('are not to be had with the secret of its shell, nor the other way round', async () => {
    const { taskId, url } = await tasks.open();
    const { socketUrl, displaysUrl } = await tasks.displaysOf(taskId);
    const [base = '', token = ''] = url.split(/(?<=:\d+)\/|\/shell\.sock$/);
    const displayToken = new URL(socketUrl).pathname.split('/')[1] ?? '';
    assert.notEqual(token, displayToken);
    assert.equal((await fetch(displaysUrl.replace(displayToken, token))).status, 404);
    for (const wrong of [`${base}/${displayToken}/shell.sock`, `${base}/${token}/display.sock?display=:0`]) {
      const socket = new WebSocket(wrong);
      sockets.push(socket);
      const [, { statusCode }] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      assert.equal(statusCode, 404);
      socket.on('error', () => undefined);
    }
    await tasks.letGo(url);
    await tasks.harness.finish(taskId);
  });

  it('are nobody’s where the operator has but half of the programs, and the operator is told', async () => {
    const half = await mkdtemp(join(tmpdir(), 'display-tools-'));
    await writeFile(join(half, 'x11vnc'), X11VNC, { mode: 0o755 });
    const others = await InteractiveTasks.start({ displayPath: half });
    try {
      const { fields } = others.harness.log.of('interactive tasks have no displays')[0] ?? assert.fail();
      assert.match(String(fields['error']), /list-displays/);
      const { taskId, url } = await others.open();
      const { printed, exitCode } = await framed(url, ['ls', '-a', '/']);
      assert.equal(await exitCode, 0);
      assert.doesNotMatch(printed.stdout, /taskclusterdisplays/);
      await others.letGo(url);
      const { run, log } = await others.harness.finish(taskId);
      assert.equal(run.state, 'completed', log);
      const { artifacts } = await others.harness.queue.listLatestArtifacts(taskId);
      assert.ok(artifacts.every(({ name }) => !name.endsWith('display.html')));
      assert.ok(artifacts.some(({ name }) => name.endsWith('shell.html')));
    } finally {
      await others.close();
      await rm(half, { recursive: true });
    }
  });
});
