import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program } from '../support/program.js';
import { needProgram, run, temporaryDirectory } from './machine-support.js';
import { machineRoot } from './support/machine-root.js';

const FOLDER = 'deploy/plain-host';
const UNIT = 'docker-worker@.service';

describe('the unit for plain hosts', () => {
  it("passes systemd's verification, together with the files that the page installs", async function () {
    await needProgram(this, 'systemd-analyze', 'systemd');
    await using directory = await temporaryDirectory();
    const root = await machineRoot(directory.path);
    await copyFile(join(FOLDER, UNIT), join(root, 'etc/systemd/system', UNIT));
    const instance = 'docker-worker@a.service';
    const { code, stdout, stderr } = await run(['systemd-analyze', 'verify', '--man=no', `--root=${root}`, instance]);
    assert.equal(code, 0, stdout + stderr);
    assert.doesNotMatch(stderr, /Unknown (key|section|lvalue)|Failed to parse|ordering cycle/i);
  });

  it('stops and restricts the worker as the unit of our machines does', async () => {
    const [plain, machine] = await Promise.all(
      [join(FOLDER, UNIT), 'deploy/template/etc/systemd/system/docker-worker.service'].map((file) =>
        readFile(file, 'utf8'),
      ),
    );
    const settings = (unit = ''): readonly string[] => unit.split('\n').filter((line) => /^[A-Z]\w+=/.test(line));
    const differing = settings(machine).filter((line) => !settings(plain).includes(line));
    // These settings concern our machines' files, their firewall, and powering them off.
    const own =
      /^(Description|Documentation|Wants|Requires|After|StartLimitAction|EnvironmentFile|ExecStart|ExecStartPre|SyslogIdentifier|StateDirectory|ReadWritePaths|CapabilityBoundingSet=CAP_SYS_BOOT)\b/;
    assert.deepEqual(
      differing.filter((line) => !own.test(line)),
      [],
    );
    assert.doesNotMatch(plain ?? '', /CAP_SYS_BOOT|poweroff/);
  });

  it('starts the worker with a valid configuration, whose directories are those of the unit', async () => {
    await using folder = await temporaryDirectory();
    await mkdir(join(folder.path, 'home'));
    const file = join(folder.path, 'a.yml');
    await writeFile(file, await readFile(join(FOLDER, 'a.yml')));
    const env = { HOME: join(folder.path, 'home'), TASKCLUSTER_ACCESS_TOKEN: 'very-secret' };
    const worker = new Program('worker', ['--print-config', file], env);
    assert.deepEqual(await worker.ended, { code: 0, signal: null }, worker.stderr);
    assert.match(worker.stdout, /^workerId: box-1-a$/m);
    assert.doesNotMatch(worker.stdout, /very-secret/);
    const unit = await readFile(join(FOLDER, UNIT), 'utf8');
    assert.match(unit, /^StateDirectory=docker-worker\/%i$/m);
    for (const key of ['dockerVolume', 'stateDir']) {
      assert.match(worker.stdout, new RegExp(`^${key}: /var/lib/docker-worker/a(/|$)`, 'm'));
    }
  });

  it('is documented by its page with commands that work', async () => {
    const page = await readFile('docs/plain-host.md', 'utf8');
    for (const text of [
      `${FOLDER}/${UNIT}`,
      `${FOLDER}/a.yml`,
      '--signal=QUIT docker-worker@a',
      'systemctl stop docker-worker@a',
    ]) {
      assert.ok(page.includes(text), text);
    }
  });
});
