import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from '../../../src/local-run/open-browser.js';

const ADDRESS = 'http://127.0.0.1:1/tasks/$(touch hacked);&?token=a b';

describe('openBrowser', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'open-browser-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function opener(name: string, script: string): Promise<void> {
    const path = join(directory, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }

  const open = (platform: string): Promise<string | undefined> =>
    openBrowser(ADDRESS, { platform, env: { PATH: `${directory}:/bin:/usr/bin`, WHERE: directory } });

  for (const [platform, name] of [
    ['linux', 'xdg-open'],
    ['darwin', 'open'],
  ] as const) {
    it(`gives the address to ${name} on ${platform}, as one argument and through no shell`, async () => {
      await opener(name, String.raw`printf '%s\n' "$#" "$1" >"$WHERE/given"`);
      assert.equal(await open(platform), undefined);
      assert.equal(await readFile(join(directory, 'given'), 'utf8'), `1\n${ADDRESS}\n`);
    });
  }

  it('says when the program is not installed', async () => {
    const problem = await openBrowser(ADDRESS, { platform: 'linux', env: { PATH: directory } });
    assert.equal(problem, 'No browser could be opened: xdg-open is not installed. Open the address yourself.');
  });

  it('says when the program finds no browser', async () => {
    await opener('xdg-open', 'exit 3');
    assert.match((await open('linux')) ?? '', /xdg-open ended with exit code 3\. Open/);
  });

  it('says when nothing is known for the platform', async () => {
    assert.match((await open('plan9')) ?? '', /that is not known on plan9/);
  });
});
