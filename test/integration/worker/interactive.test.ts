import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { RawClient, framed } from '../../support/shell-client.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const ARTIFACT = 'private/docker-worker/shell.html';
const FEATURES = { features: { interactive: true } };
/** Of a task that has to be waited for no longer than its command. */
const SHORT = { minTime: 0, expirationAfterSession: 0 };

describe('an interactive task', () => {
  let harness: WorkerHarness;
  const start = async (interactive: ConfigTree = SHORT, more: ConfigTree = {}): Promise<void> => {
    harness = await WorkerHarness.start({ settings: { interactive: { ssl: false, ...interactive }, ...more } });
  };
  afterEach(async () => {
    await harness.stopWorker('immediate');
    await harness.close();
  });

  const create = (script: string, payload: object = {}): Promise<string> =>
    harness.create({ ...FEATURES, ...shell(script), ...payload });

  /** Where the task's shell is, once it is said. */
  const shellOf = async (taskId: string): Promise<string> => {
    await harness.log.next('interactive shell published', taskId);
    const url = harness.queue.buildSignedUrl(harness.queue.getArtifact, taskId, 0, ARTIFACT);
    const { status, headers } = await fetch(url, { redirect: 'manual' });
    assert.equal(status, 303);
    const page = new URL(headers.get('location') ?? '');
    assert.equal(`${page.origin}${page.pathname}`, `${harness.taskcluster.rootUrl}/shell/`);
    const { socketUrl = assert.fail(), ...query } = Object.fromEntries(page.searchParams);
    assert.deepEqual(query, { v: '2', taskId, runId: '0' });
    return socketUrl;
  };
  /** A task that runs until it is let go, and where its shell is. */
  const open = async (): Promise<{ taskId: string; url: string }> => {
    const taskId = await create('while ! test -e /over; do sleep 0.1; done; exit $(cat /over)');
    return { taskId, url: await shellOf(taskId) };
  };
  const letGo = async (url: string, code = 0): Promise<void> => {
    await (
      await framed(url, ['sh', '-c', `echo ${code} > /next; mv /next /over`])
    ).exitCode;
  };

  describe('by version 1 of the protocol', () => {
    it('runs commands, with their input, output and exit codes', async () => {
      await start();
      const { taskId, url } = await open();
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
      await letGo(url, 3);
      const { run, log } = await harness.finish(taskId);
      assert.equal(run.state, 'failed', log);
      assert.match(log, /exit code: 3 /);
    });

    it('has a terminal that can be resized and typed into', async () => {
      await start();
      const { url } = await open();
      const { client, sees, exitCode } = await framed(url, 'sh', { tty: true });
      client.resize(45, 123);
      client.stdin.write('until test "$(stty size)" = "45 123"; do :; done; echo "size" is $(stty size)\n');
      await sees('size is 45 123');
      client.stdin.write('echo "go"ing; sleep 100\n');
      await sees('going');
      client.stdin.write('\x03');
      client.stdin.write('exit 5\n');
      assert.equal(await exitCode, 5);
    });

    it('loses no byte of 20 MB each way, read slowly or not', async () => {
      await start();
      const { url } = await open();
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
  });

  it('gives a shell by version 2', async () => {
    await start();
    const { url } = await open();
    const client = await new RawClient(url).opened();
    client.resize(123, 45);
    client.type('until test "$(stty size)" = "45 123"; do :; done; echo "size" is $(stty size)\n');
    await client.sees('size is 45 123');
    client.type('exit 4\n');
    assert.deepEqual(await client.closed, { code: 1000, reason: 'exit code 4' });
  });
});
