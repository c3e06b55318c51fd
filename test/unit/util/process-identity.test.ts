import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { identityOf, isRunning } from '../../../src/lib/util/process-identity.js';
import { until } from '../../support/until.js';

describe('the identity of a process', () => {
  it('is running until its process ends', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const identity = await identityOf(child.pid ?? 0);
    assert.equal(await isRunning(identity), true);
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.equal(await isRunning(identity), false);
    await assert.rejects(identityOf(child.pid ?? 0));
  });

  it('is not running when a later process has its id or the machine was rebooted', async () => {
    const self = await identityOf('self');
    assert.equal(self.pid, process.pid);
    assert.equal(await isRunning(self), true);
    assert.equal(await isRunning({ ...self, startTicks: '1' }), false);
    assert.equal(await isRunning({ ...self, bootId: 'another' }), false);
  });

  it('is not running when its process is a zombie', async () => {
    // The shell's child ends when its input is closed; sleep, which takes the shell's place, never reaps it.
    const parent = spawn('sh', ['-c', 'cat <&3 3<&- & echo $!; exec sleep 60 3<&-'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout ?? assert.fail() }), 'line')) as [string];
    const identity = await identityOf(Number(line));
    assert.equal(await isRunning(identity), true);
    parent.stdio[3]?.destroy();
    await until('a zombie', () => readFile(`/proc/${line}/stat`, 'utf8'), { isDone: (stat) => stat.includes(') Z ') });
    assert.equal(await isRunning(identity), false);
    parent.kill('SIGKILL');
    await once(parent, 'close');
  });
});
