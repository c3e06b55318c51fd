import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { LocalTaskcluster } from '../../../../src/local-taskcluster/server.js';

/** Called in loops over services or methods. */
const IN_LOOPS: readonly RegExp[] = [
  /\.(?:ping|heartbeat|lbheartbeat|version)$/,
  /^(?:queue|worker-manager)\.(?:listWorkers|getWorker)$/,
  /^worker-manager\.(?:listProviders|workerPool|listWorkerPools|listWorkersFor\w+|worker)$/,
  /^notify\.(?:email|pulse|matrix|slack)$/,
  /^hooks\.(?:listHooks|hook|getHookStatus|listLastFires)$/,
];

/** Files that name methods without calling them, or only to be refused. */
const NO_CALLS = ['coverage.test.ts', 'scopes.test.ts'];

describe('the tests of the command line client', () => {
  it('call every method of the local Taskcluster', async () => {
    const files = (await readdir(import.meta.dirname)).filter((name) => !NO_CALLS.includes(name));
    const sources = await Promise.all(files.map((name) => readFile(`${import.meta.dirname}/${name}`, 'utf8')));
    const source = sources.join('\n');
    const server = await LocalTaskcluster.start();
    try {
      const uncalled = namesKnownTo(server).filter(
        (name) =>
          !name.startsWith('objects.') &&
          !IN_LOOPS.some((pattern) => pattern.test(name)) &&
          !source.includes(`'${name.replace('.', ' ')}'`),
      );
      assert.deepEqual(uncalled, []);
    } finally {
      await server.close();
    }
  });
});

/** The error for a rule with an unknown call lists the known ones. */
function namesKnownTo(server: LocalTaskcluster): readonly string[] {
  try {
    server.faults.add({ call: 'none', fault: { kind: 'hang' } });
  } catch (error) {
    const [, list = ''] = /there are: (.*)\.$/.exec(String(error)) ?? [];
    return list.split(', ');
  }
  return [];
}
