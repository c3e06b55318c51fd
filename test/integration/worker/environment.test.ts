import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { environmentTables } from '../../support/environment-tables.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

/** The image's, Docker's and the shell's. */
const NOT_OURS = ['HOME', 'HOSTNAME', 'LANG', 'PATH', 'PWD', 'SHLVL', 'TERM', '_'];

describe('what a task sees', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start();
  });
  after(() => harness.close());

  it('is the environment that the page tells of, and no more', async () => {
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
    // In blocks of 1024 bytes, and whole pages of memory: 1 800 000 000 bytes are not.
    assert.match(log, /^shm +17578\d\d /m);
  });

  it('is a terminal at which nobody types, and no engine', async () => {
    const script = 'tty <&0 >/dev/null && test -t 1 && test -t 2 && ! test -e /var/run/docker.sock && echo as told';
    const { run, log } = await harness.run(shell(script));
    assert.equal(run.state, 'completed', log);
    assert.match(log, /^as told\r$/m);
  });
});
