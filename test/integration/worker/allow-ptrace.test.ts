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

  it('gives the capability only to tasks that request it and have the scope', async () => {
    harness = await WorkerHarness.start();
    assert.equal(await mayTrace({ allowPtrace: true }, ALLOWED), true);
    assert.equal(await mayTrace({}, ALLOWED), false);
    const { run, log } = await harness.run({ ...STATUS, features: { allowPtrace: true } });
    assert.equal(run.state, 'failed');
    assert.match(log, /missing docker-worker:feature:allowPtrace/);
  });

  it('lets strace attach to a process of another user, which fails without it', async () => {
    harness = await WorkerHarness.start();
    // Any process may trace its own children; root without the capability may not trace processes of other users.
    const task = {
      image: 'docker-worker/test-strace:latest',
      ...shell(
        'su worker -c "sleep 60" & until pid=$(pidof sleep); do :; done; timeout 2 strace -f -e trace=none -p $pid; echo status: $?',
      ),
    };
    const traced = await harness.run({ ...task, features: { allowPtrace: true } }, ALLOWED);
    assert.match(traced.log, /strace: Process \d+ attached/);
    const refused = await harness.run(task);
    assert.match(refused.log, /strace: attach: ptrace\(PTRACE_SEIZE, \d+\): Operation not permitted/);
  });

  it('is refused when it is disabled on the worker', async () => {
    harness = await WorkerHarness.start({ settings: { features: { allowPtrace: { enabled: false } } } });
    const { run, log } = await harness.run({ ...STATUS, features: { allowPtrace: true } }, ALLOWED);
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /allowPtrace/);
  });
});
