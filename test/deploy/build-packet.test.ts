import assert from 'node:assert/strict';
import { FakeBin } from './support/fake-bin.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';

const PLUGIN = '/root/.config/packer/plugins/github.com/hashicorp/docker/packer-plugin-docker_v1.1.2_x5.0_linux_amd64';

describe('deploy/bin/build-packet.sh', () => {
  let bin: FakeBin;
  beforeEach(async () => {
    bin = await FakeBin.create();
    await bin.link('head', 'sort');
    await bin.add('docker', '');
  });
  afterEach(() => bin.dispose());

  /** Makes a dry run with a packer of that version and these plugins. */
  const dryRun = async (version: string, plugins: string): Promise<Outcome> => {
    await bin.add('packer', `case "$*" in version) echo ${version} ;; 'plugins installed') echo '${plugins}' ;; esac`);
    return await runScript('deploy/bin/build-packet.sh', ['--dry-run'], { env: { PATH: bin.path } });
  };

  it('requires the docker plugin from packer 1.10 on, and prints the command to install it', async () => {
    for (const version of ['1.10.0', '1.16.0']) {
      const { code, stderr } = await dryRun(`Packer v${version}`, '');
      assert.equal(code, 1, version);
      assert.match(
        stderr,
        /the plugin docker is missing.*\n {2}Install it: packer plugins install github\.com\/hashicorp\/docker\n$/,
      );
    }
  });

  it('runs packer when the plugin is installed or built in', async () => {
    for (const [version, plugins] of [
      ['1.16.0', PLUGIN],
      ['1.9.4', ''],
      ['1.6.6', ''],
    ] as const) {
      const { code, stdout, stderr } = await dryRun(`Packer v${version}`, plugins);
      assert.deepEqual([code, stderr], [0, ''], version);
      assert.match(stdout, /^would run: packer build .*packet\.json\n/);
    }
  });

  it("requires HashiCorp's packer", async () => {
    const { code, stderr } = await dryRun('0 0', '');
    assert.equal(code, 1);
    assert.match(stderr, /is not HashiCorp packer \(cracklib has a program of that name\)/);
  });
});
