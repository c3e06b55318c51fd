import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { localLiveLog } from '../../../src/lib/features/live-log/local-live-log.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';
import { TaskLogPublisher, backingName, liveLogExpiry } from '../../../src/lib/task-log/publisher.js';
import type { KnownAddress, LogAddress, LogServer } from '../../../src/lib/task-log/publisher.js';
import { TaskLog } from '../../../src/lib/task-log/writer.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { settle } from '../../fakes/fake-clock.js';
import { faults } from '../../fakes/fake-object-store.js';
import { outage } from '../../fakes/fake-queue.js';

const NAME = 'public/logs/live.log';
const BACKING = 'public/logs/live_backing.log';
const never = new AbortController().signal;
const NOW = new Date('2026-11-23T15:04:05.678Z');
const now = (): Date => NOW;

/** Records what happens to a log's address. */
class FakeServer implements LogServer {
  readonly calls: string[] = [];
  readonly expiries: Date[] = [];

  open(_log: TaskLog, expires: Date, known?: KnownAddress): LogAddress {
    const { calls } = this;
    this.expiries.push(expires);
    return {
      url: known?.url ?? 'http://worker.invalid/log/token',
      token: known?.token ?? 'token',
      redirectTo: (url) => void calls.push(`redirect to ${url}`),
      close: () => void calls.push('close'),
    };
  }
}

describe('TaskLogPublisher', () => {
  let bench: ArtifactBench;
  let log: TaskLog;
  let server: FakeServer;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 2 });
    log = await TaskLog.open({ path: path.join(bench.tempDir, 'log'), now: () => new Date() });
    server = new FakeServer();
  });
  afterEach(async () => {
    await log.close();
    await rm(log.path);
    await bench.stop();
  });

  const publish = (isLive = true, known?: KnownAddress) =>
    new TaskLogPublisher(server, now).publish(
      { ...bench.task(), queue: bench.queue },
      log,
      { name: NAME, isLive },
      known,
    );
  const contentType = 'text/plain; charset=utf-8';
  const s3 = (contentLength: number) => ({ storageType: 's3', contentType, contentLength, expires: EXPIRES });
  const toWorker = { storageType: 'reference', url: 'http://worker.invalid/log/token', contentType, expires: EXPIRES };
  const link = { storageType: 'link', artifact: BACKING, contentType, expires: EXPIRES };
  const artifactUrl = `http://queue.invalid/artifacts/${BACKING}`;

  it('points to the worker during the run, and to the log afterwards', async () => {
    const published = publish();
    await settle();
    assert.deepEqual(bench.queue.artifacts, [{ name: NAME, request: toWorker }]);
    const content = randomBytes(3_000_000);
    await log.copy(Readable.from([content]));
    await log.close();
    await published.finish(never);
    assert.deepEqual(bench.queue.artifacts.slice(1), [
      { name: BACKING, request: s3(content.length) },
      { name: NAME, request: link },
    ]);
    assert.ok(content.equals(bench.objects.content(BACKING)));
    assert.equal(bench.objects.objects.get(BACKING)?.headers['content-encoding'], 'gzip');
    assert.deepEqual(server.calls, [`redirect to ${artifactUrl}`, 'close']);
  });

  it('requests an address that is valid for as long as the run may take', async () => {
    const published = publish();
    const { definition } = bench.task();
    assert.deepEqual(server.expiries, [liveLogExpiry(definition, NOW)]);
    await log.close();
    await published.finish(never);
  });

  it('has the address for the record of the run, if it is live', async () => {
    const published = publish();
    assert.deepEqual(published.address, { url: 'http://worker.invalid/log/token', token: 'token' });
    assert.equal(publish(false).address, undefined);
    await log.close();
    await published.finish(never);
  });

  it('announces the address of a previous worker again', async () => {
    const known = { url: 'http://worker.invalid/log/before', token: 'before' };
    const published = publish(true, known);
    assert.deepEqual(published.address, known);
    assert.deepEqual([...bench.log.secrets], ['before']);
    await settle();
    assert.deepEqual(bench.queue.artifacts, [{ name: NAME, request: { ...toWorker, url: known.url } }]);
    await log.close();
    await published.finish(never);
  });

  it('keeps its secret out of the worker’s log, even if the queue quotes it', async () => {
    const published = publish();
    assert.deepEqual([...bench.log.secrets], ['token']);
    await log.close();
    await published.finish(never);
    await settle();
    assert.deepEqual([...bench.log.secrets], []);
  });

  it('publishes a reference if the queue does not support links', async () => {
    const published = publish();
    await settle();
    await log.close();
    bench.queue.takesLinks = false;
    await published.finish(never);
    assert.deepEqual(bench.queue.requestsFor(NAME).at(-1), { ...toWorker, url: artifactUrl });
  });

  it('uploads only the log itself when it is not live', async () => {
    const published = publish(false);
    await log.close();
    await published.finish(never);
    assert.deepEqual(bench.queue.artifacts, [{ name: BACKING, request: s3(0) }]);
    assert.deepEqual(server.calls, []);
  });

  it('works without a server', async () => {
    const published = new TaskLogPublisher(undefined, now).publish({ ...bench.task(), queue: bench.queue }, log, {
      name: NAME,
      isLive: true,
    });
    log.write('all the same');
    await log.close();
    await published.finish(never);
    assert.equal(bench.objects.text(BACKING), 'all the same');
    assert.deepEqual(bench.queue.requestsFor(NAME), [link]);
  });

  it('does not delay the run or its end when the queue does not respond', async () => {
    bench.queue.hang('createArtifact');
    const published = publish();
    await settle();
    await log.close();
    const stop = new AbortController();
    const finishing = published.finish(stop.signal);
    stop.abort(new Error('out of time'));
    await assert.rejects(finishing, /out of time/);
    assert.deepEqual(server.calls, ['close']);
  });

  it("does not publish the worker's address after the log is uploaded", async () => {
    bench.queue.break('createArtifact', outage());
    const published = publish();
    await settle();
    bench.queue.break('createArtifact', undefined);
    await log.close();
    await published.finish(never);
    await settle();
    assert.deepEqual(bench.queue.requestsFor(NAME).at(-1), link);
  });

  it('logs when it cannot be live, and continues', async () => {
    bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'no scopes', 403));
    const published = publish();
    await settle();
    assert.equal(bench.log.of('live log not published').length, 1);
    await log.close();
    await published.finish(never);
    assert.deepEqual(bench.queue.requestsFor(NAME), [link]);
  });

  it('fails when the log cannot be uploaded, and closes its address', async () => {
    const published = publish();
    await settle();
    await log.close();
    bench.objects.faults.push(faults.status(404));
    await assert.rejects(published.finish(never), /live_backing\.log" could not be uploaded/);
    assert.deepEqual(server.calls, ['close']);
  });
});

describe('the names of a log', () => {
  it('differ by _backing before the extension', () => {
    assert.equal(backingName('public/logs/live.log'), 'public/logs/live_backing.log');
    assert.equal(backingName('log'), 'log_backing');
    assert.equal(backingName('public/v1.2/log'), 'public/v1.2/log_backing');
    assert.equal(backingName('public/task.output.txt'), 'public/task.output_backing.txt');
  });

  it("are reserved, the backing log's by the run itself", async () => {
    const bench = await ArtifactBench.start({ concurrency: 1 });
    assert.deepEqual(localLiveLog.reservedArtifacts(bench.task()), [NAME]);
    assert.deepEqual(localLiveLog.reservedArtifacts(bench.task({ log: 'public/x.txt' })), ['public/x.txt']);
    await bench.stop();
  });
});

describe('liveLogExpiry', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const ends = (maxRunTime: unknown, deadline = '2026-11-28T12:00:00Z'): string =>
    liveLogExpiry({ payload: { maxRunTime }, deadline }, now).toISOString();

  it('is two hours after maxRunTime', () => {
    assert.equal(ends(3600), '2026-11-23T15:00:00.000Z');
  });

  it('is at most two hours after the deadline, for any maxRunTime', () => {
    assert.equal(ends(86_400, '2026-11-23T13:00:00Z'), '2026-11-23T15:00:00.000Z');
    assert.equal(ends(1e300), '2026-11-28T14:00:00.000Z');
    assert.equal(ends(Infinity), '2026-11-28T14:00:00.000Z');
  });

  it('is a valid time for any payload', () => {
    for (const nonsense of [undefined, null, '60', -5, NaN, {}, 0])
      assert.equal(ends(nonsense), '2026-11-23T14:00:00.000Z');
    for (const payload of [undefined, null, 'text', []]) {
      const end = liveLogExpiry({ payload, deadline: '2026-11-28T12:00:00Z' }, now);
      assert.equal(end.toISOString(), '2026-11-23T14:00:00.000Z');
    }
    assert.equal(ends(60, 'some day'), '2026-11-23T14:00:00.000Z');
  });
});
