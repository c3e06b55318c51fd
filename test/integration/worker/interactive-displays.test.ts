import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { framed } from '../../support/shell-client.js';
import { InteractiveTasks } from '../../support/interactive-tasks.js';
import { until } from '../../support/until.js';

const ARTIFACT = 'private/docker-worker/display.html';
const SHELL = '#!/.taskclusterutils/busybox sh';
/** Stands for the libraries that a program brings along in its own folder. */
const LIBRARY = 'GREETING="RFB 003.008"';
/** Imitates x11vnc: prints its port once it listens, greets, and then echoes what it receives. */
const VNC = `${SHELL}
busybox=/.taskclusterutils/busybox
. /.taskclusterdisplays/library
case "$*" in *"-display :9 "*) echo "can't open :9" >&2; exit 1;; esac
echo "$@" >/tmp/arguments; echo a warning >&2
$busybox nc -l -p 5917 -e $busybox sh -c "echo '$GREETING'; exec $busybox cat" &
until $busybox grep -q :171D /proc/net/tcp /proc/net/tcp6; do $busybox sleep 0.1; done
echo PORT=5917
wait`;

describe('a display of an interactive task', () => {
  let tools: string;
  let tasks: InteractiveTasks;

  before(async () => {
    tools = await mkdtemp(join(tmpdir(), 'display-tools-'));
    await tool('x11vnc', VNC);
    await tool('library', LIBRARY);
    await tool('list-displays', `${SHELL}\ntest -e /tmp/no-x && exit 1\nprintf ':0\\t1024x768\\n:1\\t800x600\\n'`);
    tasks = await InteractiveTasks.start({ displayToolsPath: tools });
  });
  after(async () => {
    await tasks.close();
    await rm(tools, { recursive: true });
  });

  const tool = async (name: string, text: string): Promise<void> => {
    await writeFile(join(tools, name), text);
    await chmod(join(tools, name), 0o755);
  };

  /** The addresses from which the page of a display loads it. */
  async function addresses(taskId: string): Promise<{ readonly socketUrl: string; readonly displaysUrl: string }> {
    const { harness } = tasks;
    await harness.log.next('interactive display published', taskId);
    const url = harness.queue.buildSignedUrl(harness.queue.getArtifact, taskId, 0, ARTIFACT);
    const page = new URL((await fetch(url, { redirect: 'manual' })).headers.get('location') ?? '');
    assert.equal(`${page.origin}${page.pathname}`, `${harness.taskcluster.rootUrl}/display/`);
    const { socketUrl = '', displaysUrl = '', ...query } = Object.fromEntries(page.searchParams);
    assert.deepEqual(query, { v: '1', taskId, runId: '0' });
    return { socketUrl, displaysUrl };
  }

  it('is listed, and can be viewed by VNC', async () => {
    const { taskId, url } = await tasks.open();
    const { socketUrl, displaysUrl } = await addresses(taskId);
    const list = [
      { display: ':0', width: 1024, height: 768 },
      { display: ':1', width: 800, height: 600 },
    ];
    assert.deepEqual(await (await fetch(displaysUrl)).json(), list);
    const socket = new WebSocket(`${socketUrl}?display=:1&arg=-viewonly`, 'binary');
    let received = '';
    socket.on('message', (data: Buffer) => {
      received += data.toString('latin1');
    });
    const receive = async (bytes: number): Promise<string> => {
      await until(`${bytes} bytes come`, () => received.length, { isDone: (length) => length >= bytes });
      return received;
    };
    const greeting = 'RFB 003.008\n';
    assert.equal(await receive(greeting.length), greeting);
    const all = Buffer.alloc(300_000, 'whatever a client says\x00\xff', 'latin1');
    socket.send(all);
    const whole = greeting + all.toString('latin1');
    assert.ok((await receive(whole.length)) === whole);
    assert.deepEqual(
      (await tasks.processes()).filter((line) => line.endsWith('busybox cat')),
      ['/.taskclusterutils/busybox cat'],
    );
    const asked = await framed(url, ['cat', '/tmp/arguments']);
    assert.equal(await asked.exitCode, 0);
    assert.match(asked.printed.stdout, new RegExp(`-display :1 -desktop :1 of task ${taskId}, run 0 -viewonly\n$`));
    const closed = once(socket, 'close');
    socket.close();
    await closed;
    await tasks.letGo(url);
    const log = await tasks.harness.logOf(taskId);
    assert.match(log, /Interactive display: open the artifact private\/docker-worker\/display\.html in a browser/);
    assert.match(log, /Interactive session \d+ opened: display :1\n/);
  });

  it('has the reason in the task’s log when it cannot be shown', async () => {
    const { taskId, url } = await tasks.open();
    const { socketUrl } = await addresses(taskId);
    const [code] = (await once(new WebSocket(`${socketUrl}?display=:9`), 'close')) as [number];
    assert.equal(code, 1000);
    await tasks.letGo(url);
    const log = await tasks.harness.logOf(taskId);
    assert.match(log, /Interactive session 1 closed with exit code 1 after \d+ seconds: can't open :9\n/);
  });

  it('is refused when the address names none, and can no longer be listed after the task', async () => {
    const { taskId, url } = await tasks.open();
    const { socketUrl, displaysUrl } = await addresses(taskId);
    const [code, reason] = (await once(new WebSocket(socketUrl), 'close')) as [number, Buffer];
    assert.deepEqual([code, String(reason)], [1013, 'The address contains no display.']);
    await tasks.letGo(url);
    await tasks.harness.logOf(taskId);
    const answer = await fetch(displaysUrl);
    assert.equal(answer.status, 404, 'it has ended with its task');
  });
});

describe('a worker that lacks one of the programs for displays', () => {
  it('says so, and its interactive tasks have only shells', async () => {
    const tools = await mkdtemp(join(tmpdir(), 'display-tools-'));
    await writeFile(join(tools, 'x11vnc'), VNC, { mode: 0o755 });
    const tasks = await InteractiveTasks.start({ displayToolsPath: tools });
    try {
      const { taskId, url } = await tasks.open();
      const { fields } = await tasks.harness.log.next('interactive task has no displays', taskId);
      assert.match(String(fields['error']), /list-displays/);
      await tasks.letGo(url);
      const { run, log } = await tasks.harness.finish(taskId);
      assert.equal(run.state, 'completed', log);
      const { artifacts } = await tasks.harness.queue.listLatestArtifacts(taskId);
      const pages = artifacts.map(({ name }) => name).filter((name) => name.endsWith('.html'));
      assert.deepEqual(pages, ['private/docker-worker/shell.html']);
    } finally {
      await tasks.close();
      await rm(tools, { recursive: true });
    }
  });
});
