#!/usr/bin/env node
import { Writable } from 'node:stream';
import { packageFile } from '../lib/util/package-file.js';
import type { LocalOutcome } from '../local-run/run-locally.js';
import { runTaskCommand } from './run-task-command.js';

const HELLO = packageFile('examples/hello.yml');

process.stdout.write(`A Taskcluster, a worker and a container, all on this machine, run ${HELLO}.
The task's log, read over HTTP while it runs:

`);
process.exit(await runTaskCommand([HELLO, ...process.argv.slice(2)], verifyArtifacts));

/** Downloads each artifact and compares it with the sha256 that the task itself printed of the file it made. */
async function verifyArtifacts({ run, watcher }: LocalOutcome, output: Writable): Promise<void> {
  if (run.state !== 'completed') return;
  const printed = await printedHashes((log) => watcher.followLog(log));
  output.write('\nArtifacts:\n');
  let verified = 0;
  for (const { name } of await watcher.artifacts()) {
    const { bytes, url, sha256 } = await watcher.download(name);
    const expected = printed.get(name);
    if (expected !== undefined && expected !== sha256) {
      throw new Error(`artifact ${name} has sha256 ${sha256}, but the task made a file with ${expected}`);
    }
    if (expected !== undefined) verified += 1;
    output.write(`  ${name}  ${bytes} bytes${expected === undefined ? '' : '  sha256 verified'}\n    ${url}\n`);
  }
  if (verified !== printed.size || verified === 0) {
    throw new Error(`the task made ${printed.size} files, and ${verified} of them are artifacts`);
  }
  output.write('\n');
}

/** Lines of the log as sha256sum prints them, `<hash>  <artifact name>`. */
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
