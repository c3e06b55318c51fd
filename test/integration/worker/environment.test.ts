import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { environmentTables } from '../../support/environment-tables.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

/** Variables of the image, Docker and the shell. */
const NOT_OURS = ['HOME', 'HOSTNAME', 'LANG', 'PATH', 'PWD', 'SHLVL', 'TERM', '_'];

describe('the environment of a task', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start();
  });
  after(() => harness.close());

  it('has the documented variables, and no more', async () => {
    const example = load(await readFile('examples/environment.yml', 'utf8')) as { readonly env: object };
    const { taskId, log } = await harness.run({
      ...example,
      env: { ...example.env, TASK_ID: 'forged', TERM: 'dumb' },
    });
    const seen = new Map([...log.matchAll(/^([A-Z_]+)=(.*)\r$/gm)].map(([, name = '', value = '']) => [name, value]));
    const ours = [...seen.keys()].filter((name) => !NOT_OURS.includes(name));
    assert.deepEqual(ours.sort(), ['GREETED', ...(await environmentTables()).always].sort());
    assert.equal(seen.get('TASK_ID'), taskId);
    assert.equal(seen.get('GREETED'), 'world');
    assert.equal(seen.get('TERM'), 'dumb');
    assert.match(log, /^127\.0\.0\.1\s+localhost\.localdomain\r$/m);
    // df prints blocks of 1024 bytes; 1 800 000 000 bytes are rounded to whole pages of memory.
    assert.match(log, /^shm +17578\d\d /m);
  });

  it('has a terminal without input, and no engine', async () => {
    const script = 'tty <&0 >/dev/null && test -t 1 && test -t 2 && ! test -e /var/run/docker.sock && echo as told';
    const { run, log } = await harness.run(shell(script));
    assert.equal(run.state, 'completed', log);
    assert.match(log, /^as told\r$/m);
  });
});
