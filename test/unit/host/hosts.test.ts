import assert from 'node:assert/strict';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import type { TerminationNotice } from '../../../src/lib/host/host.js';
import { StandaloneHost } from '../../../src/lib/host/standalone.js';
import { TestHost } from '../../../src/lib/host/test-host.js';
import { ConfigFolder } from '../config/fixture.js';

const folder = new ConfigFolder();
beforeEach(() => folder.create());
afterEach(() => folder.remove());

describe('StandaloneHost', () => {
  it('adds no configuration and never gives notice', async () => {
    const host = new StandaloneHost(() => 42);
    assert.deepEqual(await host.configure(), {});
    await host.terminationNotices();
    await host.shutdown();
    assert.equal(await host.uptimeSeconds(), 42);
  });
});

describe('TestHost', () => {
  it('reads configuration and uptime from its folder', async () => {
    await folder.write('configure', '{"capacity": 4}');
    await folder.write('billingCycleUptime', '3600\n');
    const host = new TestHost(folder.root);
    assert.deepEqual(await host.configure(), { capacity: 4 });
    assert.equal(await host.uptimeSeconds(), 3600);
  });

  it('works without any of the files', async () => {
    const host = new TestHost(folder.root);
    assert.deepEqual(await host.configure(), {});
    assert.equal(await host.uptimeSeconds(), 0);
  });

  it('names an invalid file', async () => {
    const host = new TestHost(folder.root);
    await folder.write('billingCycleUptime', 'soon');
    await assert.rejects(host.uptimeSeconds(), /billingCycleUptime: expected a number of seconds, found "soon"/);
    await folder.write('configure', '{');
    await assert.rejects(
      host.configure(),
      (error) => error instanceof ConfigError && /configure: not valid JSON$/.test(error.message),
    );
    await folder.write('configure', '[]');
    await assert.rejects(host.configure(), /configure: expected a map of settings/);
  });

  it('gives one notice when nodeTermination is not empty', async () => {
    await folder.write('nodeTermination', '');
    const notices: TerminationNotice[] = [];
    const host = new TestHost(folder.root);
    const watching = host.terminationNotices((notice) => notices.push(notice), 1, new AbortController().signal);
    assert.deepEqual(notices, []);
    await folder.write('nodeTermination', 'now');
    await watching;
    assert.deepEqual(notices, [{ reason: 'nodeTermination', finishTasks: false }]);
  });

  it('stops polling when the signal aborts', async () => {
    const stop = new AbortController();
    const notices: TerminationNotice[] = [];
    const watching = new TestHost(folder.root).terminationNotices(
      (notice) => notices.push(notice),
      60_000,
      stop.signal,
    );
    stop.abort(new Error('enough'));
    await assert.rejects(watching, /enough/);
    assert.deepEqual(notices, []);
  });
});
