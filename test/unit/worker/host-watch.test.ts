import assert from 'node:assert/strict';
import type { Host, TerminationNotice } from '../../../src/lib/host/host.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import type { Credentials } from '../../../src/lib/queue/queue-client.js';
import { untilAborted } from '../../../src/lib/util/abortable.js';
import { HostWatch } from '../../../src/lib/worker/host-watch.js';
import { settle } from '../../fakes/fake-clock.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

/** A host that the test controls. */
class SpeakingHost implements Host {
  readonly name = 'fake';
  notify: (notice: TerminationNotice) => void = () => assert.fail('nobody listens');
  renew: (credentials: Credentials) => void = () => assert.fail('nobody listens');
  fail: (error: Error) => void = () => undefined;

  configure = (): Promise<Record<string, never>> => Promise.resolve({});
  uptimeSeconds = (): Promise<number> => Promise.resolve(0);
  shutdown = (): Promise<void> => Promise.resolve();

  async terminationNotices(onNotice: (notice: TerminationNotice) => void, _pollMs: number, signal: AbortSignal) {
    this.notify = onNotice;
    await untilAborted(new Promise<never>(() => undefined), signal);
  }

  async credentialRenewals(onRenewed: (credentials: Credentials) => void, signal: AbortSignal) {
    this.renew = onRenewed;
    const failed = new Promise<never>((_, reject) => {
      this.fail = reject;
    });
    await untilAborted(failed, signal);
  }
}

describe('HostWatch', () => {
  let host: SpeakingHost;
  let log: MemoryLogger;
  let credentials: CredentialHolder;
  let notices: TerminationNotice[];
  let watch: HostWatch;

  beforeEach(() => {
    host = new SpeakingHost();
    log = new MemoryLogger();
    credentials = new CredentialHolder({ clientId: 'worker', accessToken: 'the-first-token' });
    notices = [];
    const onNotice = (notice: TerminationNotice): void => {
      notices.push(notice);
    };
    watch = new HostWatch({ host, credentials, pollIntervalMs: 1000, log, onNotice });
  });
  afterEach(() => {
    watch.close();
  });

  it('passes on a notice only if it is more urgent than previous ones', () => {
    for (const finishTasks of [true, true, false, false, true]) host.notify({ reason: 'r', finishTasks });
    assert.deepEqual(
      notices.map(({ finishTasks }) => finishTasks),
      [true, false],
    );
  });

  it('replaces the credentials with new ones, and keeps both out of the log', () => {
    const renewed = { clientId: 'worker', accessToken: 'the-second-token', certificate: '{"signature":"s"}' };
    host.renew(renewed);
    assert.equal(credentials.current, renewed);
    assert.ok(log.secrets.has('the-second-token') && log.secrets.has('{"signature":"s"}'));
    assert.deepEqual(log.of('Credentials updated')[0]?.fields, { clientId: 'worker' });
  });

  it('alerts the operator when credentials are no longer renewed', async () => {
    host.fail(new Error('refused'));
    await settle();
    assert.deepEqual(
      log.records.map(({ level, event }) => [level, event]),
      [['alert', 'credentials no longer renewed']],
    );
  });

  it('logs nothing after it is closed', async () => {
    watch.close();
    await settle();
    assert.deepEqual(log.events, []);
  });
});
