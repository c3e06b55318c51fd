import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetchTask, parseTaskAddress } from '../../../src/local-run/fetch-task.js';
import { TaskFileError } from '../../../src/local-run/task-definition.js';

const TASK_ID = 'aaaaaaaaQ_CaaaaaaaaaaA';
const { signal } = new AbortController();

describe('the address of a task', () => {
  it('consists of a task id and a root URL', () => {
    const expected = { taskId: TASK_ID, rootUrl: 'https://tc.example.com' };
    assert.deepEqual(parseTaskAddress(`${TASK_ID}@https://tc.example.com`), expected);
    assert.deepEqual(parseTaskAddress(`${TASK_ID}@https://tc.example.com/`), expected);
    assert.deepEqual(parseTaskAddress(`${TASK_ID}@http://127.0.0.1:8080`)?.rootUrl, 'http://127.0.0.1:8080');
  });

  it('differs from the name of a file', () => {
    for (const name of ['task.yml', 'me@home.yml', './a/b@https://x.yml', '-', TASK_ID]) {
      assert.equal(parseTaskAddress(name), undefined, name);
    }
  });
});

describe('fetching the definition of a task', () => {
  /** A deployment that answers everything with this; returns what was asked and what came of it. */
  async function fetchFrom(status: number, body: string): Promise<{ readonly asked: string[]; readonly text: string }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end(body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      return { asked, text: await fetchTask({ taskId: TASK_ID, rootUrl: `http://127.0.0.1:${port}` }, signal) };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  it('returns what the queue answers without credentials', async () => {
    const { asked, text } = await fetchFrom(200, '{"payload": {}}');
    assert.equal(text, '{"payload": {}}');
    assert.deepEqual(asked, [`/api/queue/v1/task/${TASK_ID}`]);
  });

  it('fails with a message when there is no task', async () => {
    await assert.rejects(fetchFrom(404, '{"code": "ResourceNotFound"}'), (error) => {
      assert.ok(error instanceof TaskFileError);
      assert.match(error.message, /^there is no task aaaaaaaaQ_CaaaaaaaaaaA at http/);
      return true;
    });
    await assert.rejects(fetchFrom(403, 'no'), /^Error: cannot get http.*403/);
    await assert.rejects(fetchFrom(200, '<html>'), /is not a task: is http\S+ the root URL/);
  });

  it('fails with a message when no queue answers', async () => {
    const fetching = fetchTask({ taskId: TASK_ID, rootUrl: 'http://127.0.0.1:1' }, AbortSignal.abort());
    await assert.rejects(fetching, /^Error: cannot get http:\/\/127\.0\.0\.1:1\/api\/queue/);
  });
});
