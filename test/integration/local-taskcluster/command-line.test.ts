import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { ClientCredentials, Queue } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { builtProgram } from '../../support/program.js';
import { taskDefinition } from './deployment.js';

describe('the local-taskcluster program', () => {
  let directory = '';
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'local-taskcluster-test-'));
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await rm(directory, { recursive: true });
  });

  const start = (...args: readonly string[]): ChildProcess =>
    (child = spawn(process.execPath, [builtProgram('local-taskcluster'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }));

  const outputOf = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
    let text = '';
    for await (const chunk of stream ?? []) text += String(chunk);
    return text;
  };

  /** Everything up to the last line of the instructions. */
  const instructionsOf = async (program: ChildProcess): Promise<string> => {
    const lines: string[] = [];
    if (!program.stdout) throw new Error('no standard output');
    for await (const line of createInterface({ input: program.stdout })) {
      lines.push(line);
      if (line.startsWith('Ctrl-C')) break;
    }
    return lines.join('\n');
  };

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`writes and prints its URL and credentials, serves, and exits 0 on ${signal}`, async () => {
      const file = join(directory, 'credentials.json');
      const program = start('--port', '0', '--credentials-file', file);
      const exited = once(program, 'exit');
      const instructions = await instructionsOf(program);
      const { rootUrl, ...credentials } = JSON.parse(await readFile(file, 'utf8')) as {
        rootUrl: string;
        clientId: string;
        accessToken: string;
      };
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.ok(instructions.includes(`export TASKCLUSTER_ROOT_URL=${rootUrl}`));
      assert.ok(instructions.includes(`export TASKCLUSTER_CLIENT_ID=${credentials.clientId}`));
      assert.ok(instructions.includes(`export TASKCLUSTER_ACCESS_TOKEN=${credentials.accessToken}`));
      const { scopes } = await new clients.Auth({ rootUrl, credentials, retries: 0 }).currentScopes();
      assert.deepEqual(scopes, ['*']);
      program.kill(signal);
      assert.deepEqual(await exited, [0, null]);
    });
  }

  it('defines the roles from the file, and says how containers reach it', async () => {
    const [file, credentialsFile] = [join(directory, 'roles.yml'), join(directory, 'credentials.json')];
    await writeFile(file, 'repo:github.com/a/b:*:\n  - index:insert-task:a.*\n');
    const program = start('--port', '0', '--roles', file, '--credentials-file', credentialsFile);
    assert.match(await instructionsOf(program), /^Containers can't reach 127\.0\.0\.1: .*--host/m);
    const { rootUrl } = JSON.parse(await readFile(credentialsFile, 'utf8')) as { readonly rootUrl: string };
    const { scopes } = await new clients.Auth({ rootUrl, retries: 0 }).expandScopes({
      scopes: ['assume:repo:github.com/a/b:branch:main'],
    });
    assert.ok(scopes.includes('index:insert-task:a.*'));
  });

  for (const [what, text] of [
    ['are invalid', 'a: x'],
    ['are circular', 'a: [assume:a]'],
  ] as const) {
    it(`exits 1 with one line of explanation when roles ${what}`, async () => {
      const file = join(directory, 'roles.yml');
      await writeFile(file, text);
      const program = start('--port', '0', '--roles', file);
      const exited = once(program, 'exit');
      const errors = await outputOf(program.stderr);
      assert.deepEqual(await exited, [1, null]);
      assert.match(errors, /^local-taskcluster: .+\n$/);
    });
  }

  it('serves the admin API on --admin-port', async () => {
    const instructions = await instructionsOf(start('--port', '0', '--admin-port', '0'));
    const [, adminUrl = ''] = /^Faults and the log of calls are at (.+)$/m.exec(instructions) ?? [];
    const answer = await fetch(`${adminUrl}/faults`);
    assert.deepEqual(await answer.json(), { faults: [] });
  });

  it('continues with the tasks of its last time over the same data directory', async () => {
    const [file, dataDir] = [join(directory, 'credentials.json'), join(directory, 'data')];
    const run = async (act: (queue: Queue) => Promise<unknown>): Promise<void> => {
      const program = start('--port', '0', '--credentials-file', file, '--data-dir', dataDir);
      const exited = once(program, 'exit');
      await instructionsOf(program);
      const { rootUrl, ...credentials } = JSON.parse(await readFile(file, 'utf8')) as ClientCredentials & {
        rootUrl: string;
      };
      await act(new clients.Queue({ rootUrl, credentials, retries: 0 }));
      program.kill('SIGTERM');
      assert.deepEqual(await exited, [0, null]);
    };
    const taskId = newSlugid();
    await run((queue) => queue.createTask(taskId, taskDefinition()));
    assert.equal((await stat(join(dataDir, 'state.json'))).mode & 0o777, 0o600);
    await run(async (queue) => {
      assert.equal((await queue.status(taskId)).status.state, 'pending');
      await queue.cancelTask(taskId);
    });
    await run(async (queue) => {
      assert.equal((await queue.status(taskId)).status.state, 'exception');
    });
  });

  it('exits 1 and names the file when the state in the data directory is damaged', async () => {
    await writeFile(join(directory, 'state.json'), '{"version":1');
    const program = start('--port', '0', '--data-dir', directory);
    const exited = once(program, 'exit');
    const errors = await outputOf(program.stderr);
    assert.deepEqual(await exited, [1, null]);
    assert.match(errors, /^local-taskcluster: .*state\.json can't be used: .*remove the file.*\n$/);
  });

  for (const args of [['--port', 'http'], ['--port', '65536'], ['--bogus'], ['extra'], ['--data-dir']]) {
    it(`exits 2 with one line of explanation on ${args.join(' ')}`, async () => {
      const program = start(...args);
      const exited = once(program, 'exit');
      const errors = await outputOf(program.stderr);
      assert.deepEqual(await exited, [2, null]);
      assert.match(errors, /^error: .+\n$/);
    });
  }

  it('exits 1 and says why when the port is taken', async () => {
    const other = await LocalTaskcluster.start();
    const program = start('--port', new URL(other.rootUrl).port);
    const exited = once(program, 'exit');
    const errors = await outputOf(program.stderr);
    await other.close();
    assert.deepEqual(await exited, [1, null]);
    assert.match(errors, /^local-taskcluster: .*EADDRINUSE.*\n$/);
  });
});
