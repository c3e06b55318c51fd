import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskQuota } from '../../../src/lib/worker/task-quota.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

describe('TaskQuota', () => {
  let stateDir: string;
  let log: MemoryLogger;
  const open = (limit = 3): Promise<TaskQuota> => TaskQuota.open({ limit, stateDir, log });
  const file = (): string => join(stateDir, 'tasks-resolved-count.txt');

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'task-quota-'));
    log = new MemoryLogger();
  });
  afterEach(() => rm(stateDir, { recursive: true }));

  it('counts resolved tasks and those under way', async () => {
    const quota = await open();
    assert.deepEqual([quota.left(0), quota.left(2), quota.left(5)], [3, 1, 0]);
    quota.count();
    assert.deepEqual([quota.left(0), quota.left(2)], [2, 0]);
    await quota.settle();
  });

  it('continues counting at the next start', async () => {
    const first = await open();
    first.count();
    first.count();
    await first.settle();
    assert.equal(await readFile(file(), 'utf8'), '2');
    const second = await open();
    assert.equal(second.left(0), 1);
    second.count();
    await second.settle();
    assert.equal((await open()).left(0), 0);
    assert.equal((await open(2)).left(0), 0);
  });

  for (const text of ['', 'many', '-1', '9'.repeat(30)]) {
    it(`starts from 0 with a warning if the count is ${JSON.stringify(text)}`, async () => {
      await writeFile(file(), text);
      assert.equal((await open()).left(0), 3);
      assert.equal(log.of('resolved task count not readable').length, 1);
    });
  }

  it("continues if the file can't be written, and logs that", async () => {
    const quota = await open();
    await rm(stateDir, { recursive: true });
    quota.count();
    await quota.settle();
    assert.equal(quota.left(0), 2);
    assert.equal(log.of('resolved task count not written').length, 1);
    stateDir = await mkdtemp(join(tmpdir(), 'task-quota-'));
  });
});
