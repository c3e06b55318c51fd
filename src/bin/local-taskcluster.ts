#!/usr/bin/env node
import { rm, writeFile } from 'node:fs/promises';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { errorMessage } from '../lib/util/error-message.js';
import { LocalTaskcluster } from '../local-taskcluster/server.js';

const BAD_USAGE = 2;

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly dataDir?: string;
  readonly credentialsFile?: string;
  readonly adminPort?: number;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It has to be a number from 0 (any free port) to 65535.');
}

function parseFlags(args: readonly string[]): Flags {
  return new Command('local-taskcluster')
    .description(
      'A Taskcluster for one machine: queue, auth, object, index, secrets, purge-cache, worker-manager and artifact ' +
        'storage, kept in memory until it ends.',
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on, 0 for any free one', parsePort, 8080)
    .option('--data-dir <directory>', 'where artifacts are kept (default: a temporary directory, removed at the end)')
    .option('--credentials-file <file>', 'write {rootUrl, clientId, accessToken} there, readable by you only')
    .option('--admin-port <port>', 'serve fault injection and the log of calls there, on 127.0.0.1 only', parsePort)
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts();
}

function instructions({ rootUrl, credentials, adminUrl }: LocalTaskcluster): string {
  return [
    `Taskcluster is at ${rootUrl}`,
    ...(adminUrl === undefined ? [] : [`Faults and the log of calls are at ${adminUrl}`]),
    '',
    'For a worker, or for the taskcluster command line client:',
    '',
    `  export TASKCLUSTER_ROOT_URL=${rootUrl}`,
    `  export TASKCLUSTER_CLIENT_ID=${credentials.clientId}`,
    `  export TASKCLUSTER_ACCESS_TOKEN=${credentials.accessToken}`,
    '',
    '  node dist/bin/worker.js config.yml',
    '  taskcluster api queue ping',
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n');
}

async function writeCredentials(file: string, { rootUrl, credentials }: LocalTaskcluster): Promise<void> {
  const { clientId, accessToken } = credentials;
  // The mode counts for new files only, so an old one is not written through.
  await rm(file, { force: true });
  await writeFile(file, `${JSON.stringify({ rootUrl, clientId, accessToken }, null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
  });
}

async function main(flags: Flags): Promise<void> {
  const { credentialsFile, ...options } = flags;
  const server = await LocalTaskcluster.start(options);
  const stop = (): void => {
    void server.close();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    if (credentialsFile !== undefined) await writeCredentials(credentialsFile, server);
  } catch (error) {
    await server.close();
    throw error;
  }
  process.stdout.write(instructions(server));
}

try {
  await main(parseFlags(process.argv.slice(2)));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else {
    process.stderr.write(`local-taskcluster: ${errorMessage(error)}\n`);
    process.exitCode = 1;
  }
}
