import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { need } from './support/needed-program.js';
import { TempFolder } from './support/temp-folder.js';

/** Runs a command on its own terminal, types `answers` when asked, and returns the terminal's output. */
async function onTerminal(
  command: string,
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<string> {
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const left = [...answers];
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [next] = left;
    if (!next || !shown.includes(next[0])) return;
    left.shift();
    child.stdin.write(`${next[1]}\r`);
  });
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0, shown);
  assert.deepEqual(left, [], 'all questions were asked');
  return shown;
}

describe('on a terminal', function () {
  const folder = new TempFolder();
  before(function () {
    need(this, 'script', 'bsdutils');
  });

  it('a missing variable is requested, and a secret is not shown while it is typed', async () => {
    await folder.write('template/etc/a', '{{papertrail}} {{sslKey}}');
    const shown = await onTerminal(`deploy/bin/build-template --folder ${folder.path}`, [
      ['papertrail (\\n for a new line) = ', 'logs.example.com:514'],
      ['sslKey (\\n for a new line) = ', 'not-to-be-seen\\n'],
    ]);
    assert.equal(await readFile(folder.at('target/etc/a'), 'utf8'), 'logs.example.com:514 not-to-be-seen\n');
    assert.match(shown, /logs\.example\.com:514/);
    assert.doesNotMatch(shown, /not-to-be-seen/);
  });
});
