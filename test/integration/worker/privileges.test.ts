import assert from 'node:assert/strict';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const CAP_SYS_ADMIN = 21n;
const STATUS = shell("sed -n '/^CapEff/p; /^Seccomp:/p' /proc/self/status");
const ALL = { scopes: ['docker-worker:capability:*'] };

interface Privileges {
  readonly isAdmin: boolean;
  readonly isFiltered: boolean;
}

describe('privileges', () => {
  let harness: WorkerHarness;
  afterEach(() => harness.close());

  const start = async (dockerConfig: Readonly<Record<string, boolean>>): Promise<void> => {
    harness = await WorkerHarness.start({ settings: { dockerConfig } });
  };
  const privileges = async (capabilities: object, task: object = ALL): Promise<Privileges> => {
    const { run, log } = await harness.run({ ...STATUS, capabilities }, task);
    assert.equal(run.state, 'completed', log);
    const [, capabilitySet = '', seccomp] = /CapEff:\s*([0-9a-f]+)\r\nSeccomp:\s*(\d)/.exec(log) ?? [];
    return { isAdmin: (BigInt(`0x${capabilitySet}`) >> CAP_SYS_ADMIN) % 2n === 1n, isFiltered: seccomp === '2' };
  };

  it('are granted on request, with the scopes and if the worker allows them', async () => {
    await start({ allowPrivileged: true, allowDisableSeccomp: true });
    assert.deepEqual(await privileges({ privileged: false }, {}), { isAdmin: false, isFiltered: true });
    assert.deepEqual(await privileges({ privileged: true }), { isAdmin: true, isFiltered: false });
    const scopes = ['docker-worker:capability:disableSeccomp:local/docker-worker'];
    assert.deepEqual(await privileges({ disableSeccomp: true }, { scopes }), { isAdmin: false, isFiltered: false });

    const { run, log } = await harness.run({ capabilities: { privileged: true, disableSeccomp: true } });
    assert.equal(run.state, 'failed');
    assert.match(
      log,
      /Insufficient scopes to run task in privileged mode\. missing docker-worker:capability:privileged/,
    );
    assert.match(log, /Insufficient scopes to run task without seccomp\. missing docker-worker:capability:disableSecc/);
  });

  it('are refused if the worker does not allow them, whatever the scopes', async () => {
    await start({});
    const { run, log } = await harness.run({ capabilities: { privileged: true, disableSeccomp: true } }, ALL);
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /capabilities\.privileged is not enabled on this worker \(dockerConfig\.allowPrivileged\)/);
    assert.match(log, /capabilities\.disableSeccomp is not enabled on this worker/);
  });
});
