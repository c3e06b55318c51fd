import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CiCheckout, ciFile, ciTask } from '../../support/ci-checkout.js';
import { Program } from '../../support/program.js';
import { until } from '../../support/until.js';

const STAYS = 'its page stays until Ctrl-C.\n';

/** The address that a program has printed. */
function addressIn({ stderr }: Program): URL {
  const [, address] = /The run in a browser: (\S+)\n/.exec(stderr) ?? [];
  return new URL(address ?? assert.fail(stderr));
}

/** Opens an address as a browser does; returns the cookie of the session. */
async function enter(address: URL): Promise<string> {
  const redirect = await fetch(address, { headers: { accept: 'text/html' }, redirect: 'manual' });
  assert.equal(redirect.status, 303);
  const [cookie = ''] = redirect.headers.getSetCookie();
  const page = new URL(redirect.headers.get('location') ?? '', address);
  assert.equal(page.search, '');
  const answer = await fetch(page, { headers: { accept: 'text/html', cookie } });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /<script [^>]*src="\/page\/assets\//);
  return cookie;
}

/** Reruns the task of the page, and waits for the end of its second run. */
async function retriggered(address: URL, cookie: string): Promise<void> {
  const taskId = address.pathname.slice('/tasks/'.length);
  const headers = { cookie, 'x-taskcluster-page': '1' };
  const rerun = await fetch(new URL(`/api/queue/v1/task/${taskId}/rerun`, address), { method: 'POST', headers });
  assert.equal(rerun.status, 200, await rerun.text());
  await until('the second run has ended', async () => {
    const answer = await fetch(new URL(`/api/queue/v1/task/${taskId}/status`, address), { headers });
    const { status } = (await answer.json()) as { readonly status: { readonly runs: readonly { state: string }[] } };
    return status.runs[1]?.state === 'failed';
  });
}

describe('the page of run-task', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'run-task-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function start(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const file = join(directory, 'task.yml');
    const command = ['/bin/sh', '-c', script];
    await writeFile(file, JSON.stringify({ image: 'docker-worker/test:latest', command, maxRunTime: 60 }));
    return new Program('run-task', [file, ...args], { TMPDIR: directory, ...env });
  }

  it('stays with --stay when the run is over, until Ctrl-C, and keeps the exit code', async () => {
    const program = await start('echo seen; exit 7', ['--stay']);
    await program.complains(STAYS);
    // Another pipe, which may be slower.
    await program.prints('\nTask failed.\n');
    const address = addressIn(program);
    assert.match(address.pathname, /^\/tasks\/[\w-]{22}$/);
    const cookie = await enter(address);
    const log = await fetch(new URL(`/page/log/${address.pathname.slice(7)}/0/public/logs/live.log`, address), {
      headers: { cookie },
    });
    assert.match(await log.text(), /seen/);
    await retriggered(address, cookie);
    program.kill('SIGINT');
    assert.deepEqual(await program.ended, { code: 7, signal: null });
    assert.doesNotMatch(program.stderr, /canceling/);
    assert.deepEqual(await readdir(directory), ['task.yml']);
  });

  it('does not stay when the run was canceled', async () => {
    const program = await start('echo waiting; sleep 600', ['--stay']);
    await program.prints('waiting');
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 1);
    assert.ok(!program.stderr.includes(STAYS), program.stderr);
  });

  it('is opened by --open while the task runs', async () => {
    const opener = join(directory, 'xdg-open');
    await writeFile(opener, '#!/bin/sh\nprintf %s "$1" >"$TMPDIR/opened"\n');
    await chmod(opener, 0o755);
    const program = await start('echo done', ['--open', '--stay'], { PATH: `${directory}:/usr/bin:/bin` });
    await program.complains(STAYS);
    const opened = new URL(await readFile(join(directory, 'opened'), 'utf8'));
    assert.equal(opened.pathname, addressIn(program).pathname);
    await enter(opened);
    // Other users of the machine have seen it in the list of processes.
    assert.equal((await fetch(opened, { headers: { accept: 'text/html' }, redirect: 'manual' })).status, 401);
    await enter(addressIn(program));
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 0, program.stderr);
  });

  it('is no reason to fail when there is no browser', async () => {
    const program = await start('echo done', ['--open'], { PATH: '/nonexistent' });
    assert.equal((await program.ended).code, 0, program.stderr);
    assert.match(program.stderr, /No browser could be opened: xdg-open is not installed\./);
  });
});

describe('the page of local-ci', () => {
  it('shows the group of the tasks, and stays with --stay', async () => {
    const ci = await CiCheckout.create({ '.taskcluster.yml': ciFile([ciTask('hello', 'echo hello; exit 3')]) });
    try {
      const program = ci.start(['push', '--stay']);
      await program.complains(STAYS);
      const address = addressIn(program);
      assert.match(address.pathname, /^\/tasks\/groups\/[\w-]{22}$/);
      await enter(address);
      program.kill('SIGINT');
      assert.deepEqual(await program.ended, { code: 1, signal: null });
    } finally {
      await ci.remove();
    }
  });
});
