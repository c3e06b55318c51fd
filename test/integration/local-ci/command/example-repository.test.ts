import assert from 'node:assert/strict';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findContainerHost } from '../../../../src/local-ci/graph/container-host.js';
import { CiCheckout } from '../../../support/ci-checkout.js';
import { skipBecause } from '../../../support/skip-because.js';

describe('the repository in examples/local-ci', () => {
  let ci: CiCheckout;
  before(async function () {
    const { isReachable } = await findContainerHost(process.env, undefined);
    if (!isReachable) skipBecause(this, "containers can't reach this machine");
    const files: Record<string, string> = {};
    for (const name of await readdir('examples/local-ci')) {
      files[name] = await readFile(join('examples/local-ci', name), 'utf8');
    }
    ci = await CiCheckout.create(files);
  });
  // Files of containers are root's.
  after(async () => {
    await rm(join(ci.place.directory, 'caches'), { recursive: true, force: true });
    await ci.remove();
  });

  /** How the last table of a run says that the tasks stand. */
  async function states(
    ...args: readonly string[]
  ): Promise<readonly [number | null, Readonly<Record<string, string>>]> {
    const { code, stderr } = await ci.run(['--cache-dir', join(ci.place.directory, 'caches'), ...args]);
    const lines = stderr.slice(stderr.lastIndexOf('\ntask ')).split('\n').slice(2);
    const rows = lines.flatMap((line) => {
      const [name, state] = line.split(/ {2,}/);
      return name === undefined || state === undefined ? [] : [[name, state] as const];
    });
    return [code, Object.fromEntries(rows)];
  }

  it('has a decision task whose tasks run after each other, of which one fails, and then another', async () => {
    const fine = { decision: 'completed', build: 'completed', lint: 'completed' };
    assert.deepEqual(await states(), [
      1,
      { ...fine, test_even: 'completed', test_odd: 'failed', package: 'blocked by test_odd' },
    ]);
    assert.deepEqual(await states('--rerun', 'failed'), [
      0,
      { ...fine, test_even: 'completed', test_odd: 'completed', package: 'completed' },
    ]);
    const [code, { test_even: even, test_odd: odd }] = (await states('--rerun')) as [number, Record<string, string>];
    assert.deepEqual([code, even, odd], [1, 'failed', 'failed']);
  });

  it('has tasks for pushes and pull requests alone', async () => {
    assert.equal((await ci.run(['pull-request', '--list'])).code, 0);
    assert.equal((await ci.run(['release', '--tag', 'v1', '--list'])).code, 3);
  });
});
