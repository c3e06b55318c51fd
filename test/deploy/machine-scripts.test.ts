import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { needProgram, run, runOk } from './machine-support.js';

const SHEBANG = /^#!\/(bin|usr\/bin\/env )\/?(ba)?sh\b/;
/** Returns the executable scripts in one of the folders that machines are built from. */
const OF_MACHINES =
  /^(vagrant\.sh|deploy\/packer\/\w+\/scripts\/|deploy\/template\/usr\/local\/sbin\/|deploy\/bin\/build-packet)/;

describe('the scripts of machines', () => {
  let scripts: readonly string[] = [];

  before(async () => {
    const tracked = (await runOk(['git', 'ls-files', '--cached', '--others', '--exclude-standard'])).trim().split('\n');
    const isScript = await Promise.all(tracked.map(async (file) => file.endsWith('.sh') || (await hasShebang(file))));
    scripts = tracked.filter((_, index) => isScript[index]);
  });

  it('pass shellcheck, like all other scripts of this repository', async function () {
    await needProgram(this, 'shellcheck', 'shellcheck');
    assert.ok(scripts.length > 20, scripts.join(' '));
    const { code, stdout } = await run(['shellcheck', '-x', '-P', 'SCRIPTDIR', ...scripts]);
    assert.equal(code, 0, stdout);
  });

  it('print their usage', async () => {
    const ours = scripts.filter((script) => OF_MACHINES.test(script));
    assert.ok(ours.length > 15, ours.join(' '));
    for (const script of ours) {
      assert.match(await runOk(['bash', script, '--help']), /^usage: .*--dry-run/m, script);
      const { code, stderr } = await run(['bash', script, '--nonsense']);
      assert.equal(code, 1, script);
      assert.match(stderr, /unknown argument "--nonsense"/, script);
    }
  });
});

async function hasShebang(file: string): Promise<boolean> {
  return SHEBANG.test(await readFile(file, 'utf8').catch(() => ''));
}
