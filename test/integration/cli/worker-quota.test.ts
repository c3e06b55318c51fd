import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import { FleetMachine } from '../../support/fleet-machine.js';
import type { Program } from '../../support/program.js';
import { taskclusterEnv } from '../../support/test-task.js';

describe('a worker with numberOfTasksToRun', () => {
  let machine: FleetMachine;
  beforeEach(async () => {
    machine = await FleetMachine.start();
  });
  afterEach(() => machine.close());

  const start = (configPath: string): Program => machine.worker([configPath], taskclusterEnv(machine.taskcluster));
  const claimed = ({ stdout }: Program): number => stdout.match(/"type":"claimed task"/g)?.length ?? 0;

  it('runs no more than that number of tasks, even across restarts, and exits 0', async () => {
    const configPath = join(machine.directory, 'worker.yml');
    const own = { ...machine.settings, workerId: `quota-${newSlugid()}`, capacity: 2, numberOfTasksToRun: 3 };
    await writeFile(configPath, JSON.stringify(own));
    const first = start(configPath);
    const taskIds = [await machine.createTask('true')];
    await machine.resolved(taskIds[0] ?? '');
    await first.prints('"resolved":1,"left":2,"type":"tasks resolved so far"');
    first.kill('SIGQUIT');
    assert.deepEqual(await first.ended, { code: 0, signal: null });

    for (let count = 0; count < 4; count++) taskIds.push(await machine.createTask('true'));
    const second = start(configPath);
    assert.deepEqual(await second.ended, { code: 0, signal: null });
    assert.equal(claimed(second), 2);
    assert.match(second.stdout, /"type":"task quota reached"/);

    const third = start(configPath);
    assert.deepEqual(await third.ended, { code: 0, signal: null });
    assert.equal(claimed(third), 0);
    const states = await Promise.all(taskIds.map(async (taskId) => (await machine.queue.status(taskId)).status.state));
    assert.deepEqual(states.sort(), ['completed', 'completed', 'completed', 'pending', 'pending']);
  });
});
