import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import type { RenderedTask } from '../../../src/local-ci/model.js';
import { shell } from '../../support/test-task.js';
import { GraphRun, MADE, after, containersOf, rendered, states } from './graph-run.js';

describe('a graph on this machine, afterwards', () => {
  const docker = new Docker();
  let run: GraphRun;
  let tasks: readonly RenderedTask[];

  beforeEach(async () => {
    run = await GraphRun.make();
  });
  afterEach(() => run.remove(tasks));

  it('runs failed tasks again, with what they block, and keeps the others', async () => {
    const cacheDirectory = join(run.directory, 'caches');
    const b = rendered('B', { ...shell('date +%s >/made'), artifacts: MADE });
    const c = rendered(
      'C',
      { ...shell('test -e /cache/mark && exit 0; touch /cache/mark; exit 7'), cache: { mark: '/cache' } },
      {
        scopes: ['docker-worker:cache:mark'],
      },
    );
    const a = rendered(
      'A',
      shell(`wget -q -O - $TASKCLUSTER_ROOT_URL/api/queue/v1/task/${b.taskId}/artifacts/public%2Fmade.txt`),
      after(b, c),
    );
    tasks = [b, c, a];
    const first = await run.run(tasks, { cacheDirectory });
    assert.deepEqual(states(first), { B: 'completed', C: 'failed (exit code 7)', A: 'blocked (C)' });
    const printed = run.output.text.length;
    const again = await run.rerun('failed', { cacheDirectory });
    assert.equal(again.exitCode, 0, run.progress.text);
    assert.deepEqual(states(again), { B: 'completed', C: 'completed', A: 'completed' });
    assert.doesNotMatch(run.output.text.slice(printed), /^B \|/m);
    assert.match(run.output.text.slice(printed), /^A +\| \d{10}$/m);
    assert.equal(again.tasks[0]?.logFile, first.tasks[0]?.logFile);
    const all = await run.rerun('all', { cacheDirectory });
    assert.deepEqual(states(all), { B: 'completed', C: 'completed', A: 'completed' });
    assert.match(run.progress.text, /\nB: completed[^]*\nB: completed/);
  });

  it('runs what an interruption has kept from running when it runs failed tasks again', async () => {
    const cacheDirectory = join(run.directory, 'caches');
    const first = rendered('first', shell('echo started; test "$RUN_ID" = 1 || sleep 600'));
    const waits = rendered('waits', shell('echo has waited'));
    tasks = [first, waits, rendered('behind', shell('echo is behind'), after(first))];
    const running = run.run(tasks, { cacheDirectory, concurrency: 1 });
    await run.output.contains('started');
    run.canceled.abort();
    assert.deepEqual(states(await running), {
      first: 'exception (canceled)',
      waits: 'pending (not run: canceled)',
      behind: 'blocked (first)',
    });
    run.canceled = new AbortController();
    const again = await run.rerun('failed', { cacheDirectory });
    assert.deepEqual(states(again), { first: 'completed', waits: 'completed', behind: 'completed' });
  });

  it('keeps the containers of failed tasks if told so', async () => {
    const payload = { ...shell('echo kept >/file; exit 3'), cache: { kept: '/cache' } };
    tasks = [rendered('bad', payload, { scopes: ['docker-worker:cache:kept'] }), rendered('good')];
    await run.run(tasks, { keepContainers: true });
    const kept = await containersOf(tasks);
    assert.equal(kept.length, 1);
    const [id = ''] = kept;
    assert.match(run.progress.text, new RegExp(`^ {2}bad {2}${id.slice(0, 12)}$`, 'm'));
    const container = docker.getContainer(id);
    assert.equal((await container.inspect()).State.Status, 'exited');
    const archive = await text(await container.export());
    assert.match(archive, /\0kept\n\0/);
    // Looking at it makes nothing of what it had mounted.
    const [bind = ''] = (await container.inspect()).HostConfig.Binds ?? [];
    assert.equal(existsSync(bind.split(':')[0] ?? ''), false, bind);
    await container.remove({ v: true });
  });
});
