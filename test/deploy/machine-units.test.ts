import { strict as assert } from 'node:assert';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { machineRoot } from './support/machine-root.js';
import { needProgram, run, runOk, temporaryDirectory } from './machine-support.js';

const UNITS = 'deploy/template/etc/systemd/system';

describe('the units of machines', () => {
  before(async function () {
    await needProgram(this, 'systemd-analyze', 'systemd');
  });

  it("pass systemd's verification, together with the files that they name", async () => {
    await using directory = await temporaryDirectory();
    const root = await machineRoot(directory.path);
    const units = (await readdir(UNITS)).filter((name) => name.endsWith('.service'));
    assert.ok(units.length >= 4, units.join(' '));
    for (const unit of [...units, 'docker.service']) {
      const { code, stdout, stderr } = await run(['systemd-analyze', 'verify', '--man=no', `--root=${root}`, unit]);
      assert.equal(code, 0, `${unit}\n${stdout}\n${stderr}`);
      // systemd only warns about unknown settings.
      assert.doesNotMatch(stderr, /Unknown (key|section|lvalue)|Failed to parse|ordering cycle/i, unit);
    }
  });

  it('fail verification with a missing program', async () => {
    await using directory = await temporaryDirectory();
    const root = await machineRoot(directory.path);
    const unit = join(root, 'etc/systemd/system/docker-worker.service');
    await writeFile(unit, (await readFile(unit, 'utf8')).replace('/opt/docker-worker/bin/', '/opt/nowhere/'));
    const { code } = await run(['systemd-analyze', 'verify', '--man=no', `--root=${root}`, 'docker-worker.service']);
    assert.notEqual(code, 0);
  });

  it('start the worker after the firewall, never without it, and let it shut down', async () => {
    const unit = await readFile(join(UNITS, 'docker-worker.service'), 'utf8');
    assert.match(unit, /^Wants=.*docker-worker-metadata-firewall\.service/m);
    assert.match(unit, /^ExecStartPre=\+\/usr\/local\/sbin\/docker-worker-metadata-firewall$/m);
    assert.match(unit, /^After=.*docker-worker-metadata-firewall\.service/m);
    assert.match(unit, /^KillMode=process$/m);
    assert.match(unit, /^TimeoutStopSec=150$/m);
    // Devices and files for containers must be where docker sees them.
    assert.doesNotMatch(unit, /^Private(Devices|Tmp)=/m);
    assert.match(unit, /^CapabilityBoundingSet=.*CAP_NET_BIND_SERVICE/m);
  });

  it('restrict the worker to little more than it needs', async () => {
    await using directory = await temporaryDirectory();
    const root = await machineRoot(directory.path);
    const report = await runOk([
      'systemd-analyze',
      'security',
      '--offline=true',
      `--root=${root}`,
      'docker-worker.service',
    ]);
    const [, exposure] = /Overall exposure level for docker-worker\.service: ([\d.]+)/.exec(report) ?? [];
    assert.ok(Number(exposure) < 6, report);
  });
});
