import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { bareImage } from '../../support/bare-image.js';
import { InteractiveTasks } from '../../support/interactive-tasks.js';
import { RawClient, framed } from '../../support/shell-client.js';
import { until } from '../../support/until.js';

const SEE_SIZE = 'until test "$(stty size)" = "45 123"; do :; done; echo "size" is $(stty size)\n';

describe('a shell of an interactive task', () => {
  let tasks: InteractiveTasks;
  before(async () => {
    tasks = await InteractiveTasks.start({}, { capacity: 20 });
  });
  afterEach(async () => {
    const { harness } = tasks;
    for (const { fields } of harness.log.of('interactive shell published')) {
      await harness.queue.cancelTask(String(fields['taskId']));
    }
    harness.log.records.length = 0;
    await until('no containers', () => harness.containers(), { isDone: ({ length }) => length === 0 });
  });
  after(() => tasks.close());

  describe('with version 1 of the protocol', () => {
    it('runs commands, with their input, output and exit codes', async () => {
      const { taskId, url } = await tasks.open();
      const cat = await framed(url, 'cat');
      cat.client.stdin.write('through and ');
      cat.client.stdin.end('through');
      assert.equal(await cat.exitCode, 0);
      assert.equal(cat.printed.stdout, 'through and through');
      const both = await framed(url, ['sh', '-c', 'echo "$0"; echo err >&2; exit 7', "it's one word"]);
      assert.equal(await both.exitCode, 7);
      assert.deepEqual(both.printed, { stdout: "it's one word\n", stderr: 'err\n' });
      const missing = await framed(url, ['no-such-program']);
      assert.equal(await missing.exitCode, 127);
      assert.equal(missing.printed.stderr, 'no-such-program: not found\n');
      await tasks.letGo(url, 3);
      const { run, log } = await tasks.harness.finish(taskId);
      assert.equal(run.state, 'failed', log);
      assert.match(log, /exit code: 3 /);
      assert.match(log, /Interactive session 1 opened: a command\n/);
      for (const words of ['"cat"', 'echo err', 'one word']) assert.ok(!log.includes(words), words);
      assert.match(log, /Interactive session 2 closed with exit code 7 after \d+ seconds\n/);
    });

    it('has a terminal that can be resized and typed into', async () => {
      const { url } = await tasks.open();
      const { client, sees, exitCode } = await framed(url, 'sh', { tty: true });
      client.resize(45, 123);
      client.stdin.write(SEE_SIZE);
      await sees('size is 45 123');
      // From a process of its own, which has the terminal by then.
      client.stdin.write(`sh -c 'echo "go"ing; exec sleep 100'\n`);
      await sees('going');
      client.stdin.write('\x03');
      client.stdin.write('exit 5\n');
      assert.equal(await exitCode, 5);
      const cat = await framed(url, 'cat', { tty: true });
      cat.client.stdin.write('ty"ped\n');
      await cat.sees('ty"ped\r\nty"ped\r\n');
      cat.client.stdin.end();
      assert.equal(await cat.exitCode, 0);
      const none = await framed(url, 'cat');
      none.client.stdin.write('x');
      none.client.socket.send(Buffer.of(50, 1, 0, 1, 0));
      assert.equal(await none.error, 'The session has no terminal to resize.');
    });

    it('loses no byte of 20 MB in each direction when they are read slowly', async () => {
      const { url } = await tasks.open();
      const { client, exitCode } = await framed(url, 'cat', { reads: false });
      const sent = randomBytes(20_000_000);
      for (let from = 0; from < sent.length; from += 100_000) client.stdin.write(sent.subarray(from, from + 100_000));
      client.stdin.end();
      let received = 0;
      const hash = createHash('sha256');
      for await (const data of client.stdout as AsyncIterable<Buffer>) {
        hash.update(data);
        received += data.length;
        await new Promise(setImmediate);
        if (received === sent.length) break;
      }
      assert.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
      assert.equal(await exitCode, 0);
    });

    it('accepts 20 MB of input at once', async () => {
      const { url } = await tasks.open();
      const { client, exitCode, printed } = await framed(url, [
        'sh',
        '-c',
        'wc -c; sha256sum < /dev/null | cut -c 1-4',
      ]);
      client.stdin.end(Buffer.alloc(20_000_000));
      assert.equal(await exitCode, 0);
      assert.equal(printed.stdout, '20000000\ne3b0\n');
    });

    it('refuses an eleventh session, with an explanation, until one of the ten ends', async () => {
      const { url } = await tasks.open();
      const ten = await Promise.all(Array.from({ length: 10 }, () => framed(url, ['sh', '-c', 'echo in; cat'])));
      await Promise.all(ten.map(({ sees }) => sees('in')));
      const eleventh = await framed(url, 'cat');
      assert.match(await eleventh.error, /There are 10 sessions already/);
      const raw = await new RawClient(url).closed;
      assert.equal(raw.code, 1013);
      assert.match(raw.reason, /There are 10 sessions already/);
      const closed = tasks.harness.log.upcoming('interactive session closed');
      ten[0]?.client.stdin.end();
      assert.equal(await ten[0]?.exitCode, 0);
      await closed;
      assert.equal(await (await framed(url, 'true')).exitCode, 0);
    });
  });

  it('can be opened with version 2 of the protocol', async () => {
    const { url } = await tasks.open();
    const client = await new RawClient(url).opened();
    client.type('until test "$(stty size)" = "24 80"; do :; done; echo "$TERM" "begins" with $(stty size)\n');
    await client.sees('xterm-256color begins with 24 80');
    client.socket.send(Buffer.of(2));
    client.socket.send(Buffer.of(2, 1, 0, 1));
    client.resize(0, 0);
    client.resize(45, 123);
    client.type(SEE_SIZE);
    await client.sees('size is 45 123');
    client.type('exit 4\n');
    assert.deepEqual(await client.closed, { code: 1000, reason: 'exit code 4' });
  });

  describe('that is opened without a command', () => {
    // A shell script in place of each program, which prints how it was called.
    const made = (name: string): string =>
      `printf '#!/bin/sh\\necho "${name} $*" is $0 for $USER $LOGNAME $HOME; exit 3\\n'`;
    const shellOf = async (prepare: string): Promise<string> => {
      const { url } = await tasks.open();
      assert.equal(await (await framed(url, ['sh', '-c', prepare])).exitCode, 0);
      const client = await new RawClient(url).opened();
      await client.closed;
      return client.text;
    };

    it('greets with the message of the image and is a login bash, if the image has them', async () => {
      const prepare = `${made('bash')} >/bin/bash; chmod +x /bin/bash; echo welcome >/etc/taskcluster-motd`;
      const text = await shellOf(prepare);
      assert.match(text, /^welcome\r\nbash -li is \/bin\/bash for root root \/root\r\n/);
    });

    it('is the taskcluster-interactive-shell of the image, rather than bash', async () => {
      const own = '/bin/taskcluster-interactive-shell';
      const prepare = `for p in /bin/bash ${own}; do ${made('any')} >$p; chmod +x $p; done`;
      assert.match(await shellOf(prepare), /^any {2}is \/bin\/taskcluster-interactive-shell for /);
    });
  });

  it('runs as the user and with the variables of the image, whatever its entrypoint', async () => {
    const { url, taskId } = await tasks.open({ image: 'docker-worker/test-entrypoint:latest', env: { MINE: 'm' } });
    const { printed, exitCode } = await framed(url, ['sh', '-c', 'echo $(id -u) $(pwd) $FROM_IMAGE $MINE $TASK_ID']);
    assert.equal(await exitCode, 0);
    assert.equal(printed.stdout, `1000 /home/worker set-by-image m ${taskId}\n`);
    await tasks.letGo(url, 9);
    const { log } = await tasks.harness.finish(taskId);
    assert.match(log, /entrypoint: \/bin\/sh -c while/);
    assert.match(log, /exit code: 9 /);
  });

  it('works in an image without any program', async () => {
    const image = await bareImage(tasks.harness.docker);
    try {
      const taskId = await tasks.harness.create({
        features: { interactive: true },
        image,
        command: ['/.taskclusterutils/busybox', 'sleep', '60'],
      });
      const client = await new RawClient(await tasks.shellOf(taskId)).opened();
      client.type('echo "al"ive\n');
      await client.sees('alive');
      client.type('exit\n');
      await client.closed;
      await tasks.harness.queue.cancelTask(taskId);
    } finally {
      await tasks.harness.removeImage(image);
    }
  });

  it('leaves nothing behind when its client vanishes, with a terminal or without', async () => {
    const { url } = await tasks.open();
    const sleeps = ['sh', '-c', 'sleep 4711 & (sleep 4711; true) & echo in; sleep 4711; true'];
    const sessions = [await framed(url, sleeps), await framed(url, sleeps, { tty: true })];
    await Promise.all(sessions.map(({ sees }) => sees('in')));
    const raw = await new RawClient(url).opened();
    raw.type('sleep 4711\n');
    await raw.sees('sleep 4711');
    // The shell may not have started it yet.
    const sleeping = async (): Promise<number> => {
      const processes = await tasks.processes();
      return processes.filter((command) => command === 'sleep 4711').length;
    };
    await until('seven processes sleep', sleeping, { isDone: (count) => count >= 7 });
    for (const { client } of sessions) client.socket.terminate();
    raw.socket.terminate();
    await until('no process sleeps', sleeping, { isDone: (count) => count === 0 });
    const closed = (): number => tasks.harness.log.of('interactive session closed').length;
    await until('three sessions are closed', closed, { isDone: (count) => count >= 3 });
    const ends = tasks.harness.log.of('interactive session closed').map(({ fields }) => fields['isAbandoned']);
    assert.deepEqual(ends, [true, true, true]);
    const left = (await tasks.processes()).filter((command) => command.includes('interactive-session'));
    assert.deepEqual(left, []);
  });

  it('cannot be accessed without its address', async () => {
    const { url, taskId } = await tasks.open();
    const [, base = assert.fail(url), token = assert.fail(url)] = /^(ws:.*)\/([\w-]{43})\/shell\.sock$/.exec(url) ?? [];
    const paths = [
      `${'A'.repeat(22)}/shell.sock`,
      `${token}/display.sock`,
      token,
      '',
      `${token}/../shell.sock`,
      `%00/shell.sock`,
    ];
    for (const path of paths) {
      const client = new RawClient(`${base}/${path}`);
      const [, response] = (await once(client.socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      assert.equal(response.statusCode, 404, path);
    }
    const http = url.replace(/^ws/, 'http');
    assert.equal((await fetch(http)).status, 426);
    assert.equal((await fetch(http.replace(token, 'x'))).status, 404);
    assert.deepEqual(tasks.harness.log.of('interactive session opened'), []);
    await (
      await framed(url, ['sh', '-c', 'ps -o args > /dev/null; env'])
    ).exitCode;
    await tasks.letGo(url);
    const { log } = await tasks.harness.finish(taskId);
    for (const text of [log, JSON.stringify(tasks.harness.log.records)]) assert.ok(!text.includes(token));
  });

  it('opens in the example', async () => {
    const example = load(await readFile('examples/interactive.yml', 'utf8')) as object;
    const taskId = await tasks.harness.create(example);
    const client = await new RawClient(await tasks.shellOf(taskId)).opened();
    client.type('touch /tmp/continue; echo "do"ne\n');
    await client.sees('done');
    client.type('exit\n');
    const { run, log } = await tasks.harness.finish(taskId);
    assert.equal(run.state, 'completed', log);
  });
});
