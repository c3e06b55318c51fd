import assert from 'node:assert/strict';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const CAP_SYS_PTRACE = 19n;
const STATUS = shell("sed -n '/^CapEff/p' /proc/self/status");
const ALLOWED = { scopes: ['docker-worker:feature:allowPtrace'] };

describe('allowPtrace', () => {
  let harness: WorkerHarness;
  afterEach(() => harness.close());

  const mayTrace = async (features: object, task: object): Promise<boolean> => {
    const { run, log } = await harness.run({ ...STATUS, features }, task);
    assert.equal(run.state, 'completed', log);
    const [, capabilities] = /CapEff:\s*([0-9a-f]+)/.exec(log) ?? assert.fail(log);
    return (BigInt(`0x${capabilities ?? ''}`) >> CAP_SYS_PTRACE) % 2n === 1n;
  };

  it('gives the capability to tasks that ask for it and have the scope, and to no others', async () => {
    harness = await WorkerHarness.start();
    assert.equal(await mayTrace({ allowPtrace: true }, ALLOWED), true);
    assert.equal(await mayTrace({}, ALLOWED), false);
    const { run, log } = await harness.run({ ...STATUS, features: { allowPtrace: true } });
    assert.equal(run.state, 'failed');
    assert.match(log, /missing docker-worker:feature:allowPtrace/);
  });

  it('is refused where the worker has it switched off', async () => {
    harness = await WorkerHarness.start({ settings: { features: { allowPtrace: { enabled: false } } } });
    const { run, log } = await harness.run({ ...STATUS, features: { allowPtrace: true } }, ALLOWED);
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /allowPtrace/);
  });
});
