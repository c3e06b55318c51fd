import assert from 'node:assert/strict';
import type { CiTrigger, RenderedGraph } from '../../../../src/local-ci/model.js';
import { renderApart } from '../../../../src/local-ci/render/render-apart.js';
import type { RenderProgram, RenderRequest } from '../../../../src/local-ci/render/render-apart.js';
import { HEAD, push } from './github-events.js';
import { contextTrigger, NOW, rendered, ROOT_URL } from './rendering.js';

const url = new URL('../../../../src/bin/render-process.ts', import.meta.url);
const SLUGID = /^[A-Za-z0-9_-]{22}$/;
const NEVER = new AbortController().signal;

/** Takes for ever, and no memory: each item is forgotten at once. */
const ENDLESS = `
version: 1
tasks:
  - a:
      $reduce: {$eval: 'range(0, 100000)'}
      each(b, c):
        $reduce: {$eval: 'range(0, 100000)'}
        each(d, e): 1
        initial: 0
      initial: 0
`;

const request = (text: string, trigger: CiTrigger = push()): RenderRequest => ({
  file: { text, path: '.taskcluster.yml' },
  trigger,
  rootUrl: ROOT_URL,
  now: NOW,
});

const apart = (text: string, options: Partial<RenderProgram> = {}, signal = NEVER): Promise<RenderedGraph> =>
  renderApart(request(text), { url, ...options }, signal);

describe('rendering in a process of its own', () => {
  it('gives what rendering gives, with random ids', async () => {
    const text = 'version: 1\nhooks: [{name: a/b}]\ntasks: [{rev: "${event.after}", id: {$eval: as_slugid("x")}}]';
    const { tasks, taskGroupId, scopes, hooks } = await apart(text);
    const [{ taskId, task } = assert.fail()] = tasks;
    assert.match(taskId, SLUGID);
    assert.match(String(task['id']), SLUGID);
    assert.notEqual(task['id'], taskId);
    assert.deepEqual([taskGroupId, task['rev'], task['created']], [taskId, HEAD, NOW.toISOString()]);
    assert.deepEqual([scopes, hooks], [rendered(text).scopes, [{ name: 'a/b', context: {} }]]);
  });

  it('takes contexts too', async () => {
    const trigger = contextTrigger('cron', { ownTaskId: 'own', cron: { job_name: 'nightly' } });
    const graph = await renderApart(request('version: 1\ntasks: [{a: "${cron.job_name}"}]', trigger), { url }, NEVER);
    assert.deepEqual(graph.tasks, [{ taskId: 'own', task: { a: 'nightly' } }]);
  });

  it('has the errors of rendering', async () => {
    const text = 'version: 1\ntasks: [{a: "${event.foo}"}]';
    const message = '.taskcluster.yml (push to branch main): InterpreterError at template.tasks[0].a: object has no';
    await assert.rejects(apart(text), (error: Error) => {
      assert.equal(error.name, 'CiInputError');
      return error.message.startsWith(message);
    });
  });

  it('ends after a time', async () => {
    await assert.rejects(apart(ENDLESS, { timeoutMs: 500 }), {
      name: 'CiInputError',
      message: /^\.taskcluster\.yml \(push to branch main\): it needs more than 0\.5 s to be rendered: look for what /,
    });
  });

  it('ends when it takes too much memory, also for a single value', async () => {
    const message = /\): it needs more than 64 MiB of memory to be rendered: look for what repeats itself/;
    for (const expression of ['range(0, 99999999)', `[${'range(0, 999999), '.repeat(20)} 1]`]) {
      const text = `version: 1\ntasks: [{a: {$eval: '${expression}'}}]`;
      await assert.rejects(apart(text, { memoryMb: 64 }), { name: 'CiInputError', message });
    }
  });

  it('ends when it is aborted, with the reason of that', async () => {
    const abort = new AbortController();
    const reason = new Error('interrupted');
    const rendering = apart(ENDLESS, {}, abort.signal);
    abort.abort(reason);
    await assert.rejects(rendering, (error) => error === reason);
    await assert.rejects(apart(ENDLESS, {}, abort.signal), (error) => error === reason);
  });

  it('says what its program ended with, when that has an error', async () => {
    const missing = new URL('./no-such-program.mjs', import.meta.url);
    await assert.rejects(apart('version: 1', { url: missing }), {
      name: 'Error',
      message: /^the program that renders ended with 1: [^]*no-such-program\.mjs/,
    });
  });
});
