import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import got from 'got';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('a task with a log and artifacts', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: 2 } });
  });
  after(() => harness.close());

  const liveUrl = async (taskId: string): Promise<string> => {
    await until('the live log is published', () => harness.artifactNames(taskId), {
      isDone: (names) => names.includes('public/logs/live.log'),
    });
    const { queue } = harness;
    const url = queue.buildSignedUrl(queue.getArtifact, taskId, 0, 'public/logs/live.log');
    const { headers } = await got(url, { followRedirect: false });
    return headers.location ?? '';
  };

  it('publishes a live log while it runs, whole and in ranges, and a link to the backing log afterwards', async () => {
    const taskId = await harness.create(shell('echo first; sleep 2; echo last'));
    await harness.sees(taskId, 'first');
    const url = await liveUrl(taskId);
    assert.match(url, /^http:\/\/localhost:\d+\/log\/[\w-]+$/);
    const whole = got(url);
    const part = got(url, { headers: { range: 'bytes=11-' } });
    const { log } = await harness.finish(taskId);
    assert.equal((await whole).body, log);
    assert.equal((await whole).headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal((await whole).headers['access-control-allow-origin'], '*');
    assert.equal((await part).statusCode, 206);
    assert.equal((await part).body, log.slice(11));
    const wrong = await got(`${url.slice(0, -4)}abcd`, { throwHttpErrors: false });
    assert.equal(wrong.statusCode, 401);
    const info = await harness.queue.artifactInfo(taskId, 0, 'public/logs/live.log');
    assert.equal(info.storageType, 'link');
    assert.equal(await harness.artifactText(taskId, 'public/logs/live_backing.log'), log);
  });

  it('can name its log, and turn off the live one', async () => {
    const named = await harness.run({ log: 'public/my/own.log' });
    assert.deepEqual(await harness.artifactNames(named.taskId), ['public/my/own.log', 'public/my/own_backing.log']);
    const quiet = await harness.run({ features: { localLiveLog: false } });
    assert.equal(quiet.run.state, 'completed');
    assert.deepEqual(await harness.artifactNames(quiet.taskId), ['public/logs/live_backing.log']);
  });

  it('publishes a bulk log with the same content on request', async () => {
    const name = 'public/logs/terminal_bulk.log.gz';
    const { taskId, run, log } = await harness.run({ ...shell('echo twice'), features: { bulkLog: true } });
    assert.equal(run.state, 'completed');
    assert.equal(await harness.artifactText(taskId, name), log);
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const [bulk, live] = [name, 'public/logs/live.log'].map((one) => artifacts.find((other) => other.name === one));
    assert.equal(bulk?.expires, live?.expires);
    const taken = await harness.run({
      features: { bulkLog: true },
      artifacts: { [name]: { type: 'file', path: '/x' } },
    });
    assert.equal(taken.run.reasonResolved, 'malformed-payload');
  });

  it('has its output logged byte for byte, even 8 MB of random data', async () => {
    // In raw mode, as the terminal would turn \n into \r\n.
    const script = 'stty raw; dd if=/dev/urandom of=/noise bs=1M count=8 2>/dev/null; cat /noise; sha256sum </noise';
    const { taskId, run } = await harness.run(shell(script));
    assert.equal(run.state, 'completed');
    const { queue } = harness;
    const url = queue.buildSignedUrl(queue.getArtifact, taskId, 0, 'public/logs/live_backing.log');
    const log = await got(url).buffer();
    const begin = log.indexOf('=== Task Starting ===\n') + '=== Task Starting ===\n'.length;
    const noise = log.subarray(begin, begin + 8 * 1024 * 1024);
    const [printed] = log
      .subarray(begin + noise.length)
      .toString('latin1')
      .split(' ');
    const around = JSON.stringify([log.toString('latin1', begin, begin + 200), log.subarray(-600).toString('latin1')]);
    assert.equal(createHash('sha256').update(noise).digest('hex'), printed, `${log.length} bytes: ${around}`);
  });

  it('publishes the artifacts in its payload: files, directories, and errors for missing ones', async () => {
    const expires = new Date(Date.now() + 1_800_000).toISOString();
    const { taskId, run, log } = await harness.run({
      ...shell(
        'mkdir -p /out/sub; echo one >/out/1.txt; echo two >/out/sub/2.json; ln -s /etc/passwd /out/link; echo x >/x.gz',
      ),
      artifacts: {
        'public/folder/': { type: 'directory', path: '/out/' },
        'public/x.gz': { type: 'file', path: '/x.gz', expires },
        'public/typed': { type: 'file', path: '/out/1.txt', contentType: 'application/x-own' },
        'public/missing': { type: 'file', path: '/missing' },
        'public/optional': { type: 'file', path: '/missing', optional: true },
        'public/wrong': { type: 'file', path: '/out' },
      },
    });
    assert.equal(run.state, 'completed');
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const types = Object.fromEntries(
      artifacts.map(({ name, storageType, contentType }) => [name, [storageType, contentType]]),
    );
    assert.deepEqual(types['public/folder/1.txt'], ['s3', 'text/plain']);
    assert.deepEqual(types['public/folder/sub/2.json'], ['s3', 'application/json']);
    assert.deepEqual(types['public/typed'], ['s3', 'application/x-own']);
    assert.equal(types['public/missing']?.[0], 'error');
    assert.equal(types['public/wrong']?.[0], 'error');
    assert.ok(!('public/folder/link' in types));
    assert.equal(new Date(artifacts.find(({ name }) => name === 'public/x.gz')?.expires ?? '').toISOString(), expires);
    assert.equal(await harness.artifactText(taskId, 'public/folder/sub/2.json'), 'two\n');
    const { queue } = harness;
    const stored = async (name: string): Promise<string | undefined> =>
      (await got(queue.buildSignedUrl(queue.getArtifact, taskId, 0, name), { decompress: false })).headers[
        'content-encoding'
      ];
    assert.equal(await stored('public/folder/1.txt'), 'gzip');
    assert.equal(await stored('public/x.gz'), undefined);
    assert.match(log, /\] Artifact "public\/missing" not found at "\/missing"\n/);
    assert.match(log, /Error uploading "public\/wrong"\. Expected artifact to be a "file" but was "directory"/);
    assert.doesNotMatch(log, /\[taskcluster:error\]/);
    const missing = await got(queue.buildSignedUrl(queue.getArtifact, taskId, 0, 'public/missing'), {
      throwHttpErrors: false,
    });
    assert.equal(missing.statusCode, 424);
  });
});
