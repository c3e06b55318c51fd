import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import got from 'got';
import { makeCertificate } from '../../support/certificate.js';
import type { CertificatePaths } from '../../support/certificate.js';
import { StatelessDns } from '../../support/stateless-dns.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const DOMAIN = 'workers.example.com';
const SECRET = 'a secret of the deployment';

describe('a live log over https', () => {
  let directory: string;
  let ssl: CertificatePaths;
  let dns: StatelessDns;
  let harness: WorkerHarness;
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'secure-live-log-'));
    ssl = await makeCertificate(directory, `*.${DOMAIN}`);
    dns = await StatelessDns.start(DOMAIN, SECRET);
    const statelessHostname = { enabled: true, domain: DOMAIN, secret: SECRET };
    harness = await WorkerHarness.start({
      settings: { capacity: 2, logging: { secureLiveLogging: true }, ssl: { ...ssl }, statelessHostname },
    });
  });
  after(async () => {
    await harness.close();
    await dns.close();
    await rm(directory, { recursive: true });
  });

  const resolve: LookupFunction = (name, options, callback) => {
    dns.addressesOf(name).then(
      ([address = '']) => {
        lookup(address, options, callback);
      },
      (error: unknown) => {
        callback(error as Error, '');
      },
    );
  };
  /** Trusts the worker's current certificate file, and resolves names with the DNS server. */
  const read = async (url: string): Promise<IncomingMessage> => {
    const sent = get(url, { lookup: resolve, ca: await readFile(ssl.certificate), agent: false });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  };
  /** Where the live log of a task is, once its reference is published. */
  const addressOf = async (taskId: string): Promise<string> => {
    await harness.log.next('live log published', taskId);
    const { queue } = harness;
    const url = queue.buildSignedUrl(queue.getArtifact, taskId, 0, 'public/logs/live.log');
    const { headers } = await got(url, { followRedirect: false });
    return headers.location ?? '';
  };
  const waiting = (): object => shell('echo first; sleep 1; echo last');

  it('is served at a signed host name of its own', async () => {
    const taskIds = await Promise.all([harness.create(waiting()), harness.create(waiting())]);
    const urls = await Promise.all(taskIds.map(addressOf));
    const logs = await Promise.all(urls.map(async (url) => await text(await read(url))));
    for (const log of logs) assert.match(log, /first\r\nlast\r\n/);
    const names = urls.map((url) => new URL(url).hostname);
    for (const url of urls) assert.match(url, /^https:\/\/[a-z2-7]{48}\.workers\.example\.com:\d+\/log\/[\w-]{43}$/);
    assert.notEqual(names[0], names[1]);
    const finished = await Promise.all(taskIds.map((taskId) => harness.finish(taskId)));
    assert.deepEqual(
      finished.map(({ log }) => log),
      logs,
    );
    const seen = JSON.stringify(harness.log.records);
    for (const url of urls) assert.ok(!seen.includes(new URL(url).pathname), 'the token was logged');
    assert.ok(!seen.includes(SECRET));
  });

  it('has a certificate whose expiry the operator is warned about', async () => {
    const { level, fields } = await harness.log.next('expires soon');
    assert.deepEqual([level, fields['what'], fields['daysLeft']], ['warn', 'live-log-certificate', 1]);
  });

  it('uses a certificate that was renewed while the worker runs', async () => {
    await makeCertificate(directory, `*.${DOMAIN}`);
    const renewed = harness.log.upcoming('certificate renewed');
    const taskId = await harness.create(waiting());
    await renewed;
    assert.match(await text(await read(await addressOf(taskId))), /first\r\nlast\r\n/);
    await harness.finish(taskId);
  });
});

describe('a worker that must serve live logs over https but has no certificate', () => {
  it('stays up and claims nothing', async () => {
    const ssl = { certificate: '/nowhere/tls.crt', key: '/nowhere/tls.key' };
    const settings = { logging: { secureLiveLogging: true }, ssl, alivenessCheckInterval: 500 };
    const harness = await WorkerHarness.start({ settings });
    try {
      const { fields } = await harness.log.next('live logs cannot be served');
      assert.equal(fields['certificateFile'], '/nowhere/tls.crt');
      const taskId = await harness.create({});
      await harness.log.upcoming('aliveness check');
      const { status } = await harness.queue.status(taskId);
      assert.equal(status.state, 'pending');
    } finally {
      await harness.close();
    }
  });
});
