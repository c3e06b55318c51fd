import { strict as assert } from 'node:assert';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { TaskScopes, expandBy } from '../../../src/lib/queue/task-scopes.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { FakeQueue, outage } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const ROLE = 'assume:repo:example.com/org/proj:branch:main';
const MINUTE_MS = 60_000;

describe('the scopes of a task', () => {
  const { signal } = new AbortController();
  let queue: FakeQueue;
  let log: MemoryLogger;
  let output: MemoryOutput;

  beforeEach(() => {
    queue = new FakeQueue();
    log = new MemoryLogger();
    output = new MemoryOutput();
    queue.roles.set(ROLE.slice('assume:'.length), ['docker-worker:cache:proj-*', 'queue:get-artifact:private/*']);
  });

  const scopesOf = (...listed: readonly string[]): TaskScopes => new TaskScopes(listed, expandBy(queue, log, output));
  const expansions = (): number => queue.trace.count('queue.expandScopes');

  it('need no call when they are enough as listed', async () => {
    const scopes = scopesOf('docker-worker:cache:a', ROLE);
    assert.deepEqual(await scopes.missing('docker-worker:cache:a', signal), []);
    assert.equal(expansions(), 0);
  });

  it('are expanded once for all later questions', async () => {
    const scopes = scopesOf(ROLE);
    const [first, second] = await Promise.all([
      scopes.missing({ AllOf: ['docker-worker:cache:proj-a', 'docker-worker:cache:proj-b'] }, signal),
      scopes.missing('queue:get-artifact:private/x', signal),
    ]);
    assert.deepEqual([first, second], [[], []]);
    const needed = { AllOf: ['docker-worker:cache:proj-a', 'docker-worker:cache:other'] };
    assert.deepEqual(await scopes.missing(needed, signal), ['docker-worker:cache:other']);
    assert.equal(expansions(), 1);
    assert.deepEqual(scopes.listed, [ROLE]);
  });

  for (const pattern of ['*a', 'assum*', 'as*', 'assume:*']) {
    const isRole = pattern !== '*a';
    it(`are ${isRole ? '' : 'not '}expanded for ${pattern}`, async () => {
      await scopesOf(pattern).missing('docker-worker:cache:a', signal);
      assert.equal(expansions(), isRole ? 1 : 0);
    });
  }

  it('are not expanded without a role among them', async () => {
    assert.deepEqual(await scopesOf('docker-worker:cache:b').missing('docker-worker:cache:a', signal), [
      'docker-worker:cache:a',
    ]);
    assert.equal(expansions(), 0);
  });

  it('are expanded after failures of the service', async () => {
    const clock = FakeClock.start();
    try {
      queue.fail('expandScopes', outage(), new ServiceError('taskcluster', 'no answer'), outage());
      const missing = scopesOf(ROLE).missing('docker-worker:cache:proj-a', signal);
      await clock.advance(MINUTE_MS, 500);
      assert.deepEqual(await missing, []);
      assert.equal(log.of('error expanding scopes').length, 3);
      assert.deepEqual(output.lines, [
        'Waiting for the roles in task.scopes to be expanded: no answer',
        'The roles in task.scopes are expanded; the task continues.',
      ]);
    } finally {
      clock.stop();
    }
  });

  it('end the run as internal-error when expanding fails', async () => {
    const clock = FakeClock.start();
    try {
      queue.break('expandScopes', outage());
      const failure = scopesOf(ROLE)
        .missing('docker-worker:cache:proj-a', signal)
        .catch((error: unknown) => error);
      await clock.advance(30 * MINUTE_MS, 5000);
      const error = await failure;
      assert.ok(error instanceof TaskError);
      assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
      assert.match(error.message, /roles in task\.scopes could not be expanded: .* not a mistake of the task/);
      assert.equal(log.of('scopes not expanded').length, 1);
    } finally {
      clock.stop();
    }
  });

  it('name what the deployment has to grant when expanding is refused', async () => {
    queue.break('expandScopes', new ServiceError('taskcluster', 'HTTP 403', 403));
    await assert.rejects(scopesOf(ROLE).missing('x', signal), /grant auth:expand-scopes to the role anonymous/);
    assert.equal(expansions(), 1);
  });

  it('stop with the reason of the signal', async () => {
    const abort = new AbortController();
    queue.hang('expandScopes');
    const missing = scopesOf(ROLE).missing('x', abort.signal);
    const reason = new Error('stopped');
    abort.abort(reason);
    await assert.rejects(missing, reason);
    assert.deepEqual(log.of('scopes not expanded'), []);
  });
});
