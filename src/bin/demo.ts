#!/usr/bin/env node
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { packageFile, packageVersion } from '../lib/util/package-file.js';
import type { LocalOutcome } from '../local-run/run-locally.js';
import { pageOptions } from './run-page.js';
import { runTaskCommand, workerLogOption } from './run-task-command.js';
import type { TaskArguments } from './run-task-command.js';

const HELLO = packageFile('examples/hello.yml');

process.exit(await runTaskCommand(parse, verifyArtifacts));

/** Parses the command line and prints what will happen, unless only help or version was asked for. */
function parse(): TaskArguments {
  const command = new Command('demo')
    .description('Runs a Taskcluster, a worker and a task on this machine, shows the log and checks the artifacts.')
    .addOption(workerLogOption())
    .version(packageVersion())
    .showHelpAfterError('(--help shows all options)')
    .exitOverride();
  for (const option of pageOptions()) command.addOption(option);
  command.parse();
  process.stdout.write(`A Taskcluster, a worker and a container, all on this machine, run ${HELLO}.
The task's log, read over HTTP while it runs:

`);
  return {
    source: HELLO,
    options: { env: {}, ...command.opts<Pick<TaskArguments['options'], 'workerLog' | 'open' | 'stay'>>() },
  };
}

/** Downloads each artifact and compares it with the sha256 that the task printed for the file it made. */
async function verifyArtifacts({ run, watcher }: LocalOutcome, output: Writable): Promise<boolean> {
  if (run.state !== 'completed') return false;
  const printed = await printedHashes(async (log) => {
    await watcher.followLog(log);
  });
  output.write('\nArtifacts:\n');
  let verified = 0;
  for (const { name } of await watcher.artifacts()) {
    const { bytes, url, sha256 } = await watcher.download(name);
    const expected = printed.get(name);
    if (expected !== undefined && expected !== sha256) {
      throw new Error(`artifact ${name} has sha256 ${sha256}, but the task printed ${expected}`);
    }
    if (expected !== undefined) verified += 1;
    output.write(`  ${name}  ${bytes} bytes${expected === undefined ? '' : '  sha256 verified'}\n    ${url}\n`);
  }
  if (verified !== printed.size || verified === 0) {
    throw new Error(`the task made ${printed.size} files, and ${verified} of them are artifacts`);
  }
  output.write('\n');
  return true;
}

/** Returns the hashes by artifact name, from log lines in sha256sum's format: `<hash>  <artifact name>`. */
async function printedHashes(readLog: (output: Writable) => Promise<void>): Promise<ReadonlyMap<string, string>> {
  const chunks: Buffer[] = [];
  const output = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      chunks.push(chunk);
      callback();
    },
  });
  await readLog(output);
  const lines = Buffer.concat(chunks)
    .toString('utf8')
    .matchAll(/^([0-9a-f]{64}) {2}(\S+?)\r?$/gm);
  return new Map([...lines].map(([, hash = '', name = '']) => [name, hash]));
}
