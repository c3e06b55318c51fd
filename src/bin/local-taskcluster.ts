#!/usr/bin/env node
import { readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { errorMessage } from '../lib/util/error-message.js';
import { packageVersion } from '../lib/util/package-file.js';
import { readRoles } from '../local-taskcluster/auth/read-roles.js';
import type { NewRole } from '../local-taskcluster/auth/role-table.js';
import { containerAdvice } from '../local-taskcluster/container-address.js';
import { pageDirectory } from './page-directory.js';
import { LocalTaskcluster } from '../local-taskcluster/server.js';
import { readState, writeState } from '../local-taskcluster/state/state-file.js';

const BAD_USAGE = 2;

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly dataDir?: string;
  readonly credentialsFile?: string;
  readonly adminPort?: number;
  /** The file that defines them. */
  readonly roles?: string;
  readonly page: boolean;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a number from 0 (any free port) to 65535.');
}

function parseFlags(args: readonly string[]): Flags {
  return new Command('local-taskcluster')
    .description(
      'A Taskcluster for one machine: queue, auth, object, index, secrets, purge-cache, worker-manager, notify (which ' +
        'sends nothing), hooks (which is empty) and artifact storage, kept in memory until it exits, or in a data ' +
        'directory.',
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on, 0 for any free one', parsePort, 8080)
    .option(
      '--data-dir <directory>',
      'where to keep artifacts and, from one exit to the next start, tasks (default: a temporary directory, removed)',
    )
    .option('--credentials-file <file>', 'write {rootUrl, clientId, accessToken} to this file, readable only by you')
    .option('--roles <file>', 'define these roles: YAML or JSON, each role id with the list of its scopes')
    .option(
      '--admin-port <port>',
      'serve faults, decisions about workers and the log of calls on this port, on 127.0.0.1 only',
      parsePort,
    )
    .option('--no-page', 'answer programs only: do not serve the page to browsers')
    .version(packageVersion())
    .exitOverride()
    .parse(args, { from: 'user' })
    .opts();
}

function instructions({ rootUrl, credentials, adminUrl, pageUrl }: LocalTaskcluster, { host }: Flags): string {
  return [
    `Taskcluster is at ${rootUrl}`,
    ...(pageUrl === undefined ? [] : [`Its page for browsers is at ${pageUrl}`]),
    ...(adminUrl === undefined ? [] : [`Faults and the log of calls are at ${adminUrl}`]),
    '',
    'To connect a worker, or the taskcluster command line client:',
    '',
    `  export TASKCLUSTER_ROOT_URL=${rootUrl}`,
    `  export TASKCLUSTER_CLIENT_ID=${credentials.clientId}`,
    `  export TASKCLUSTER_ACCESS_TOKEN=${credentials.accessToken}`,
    '',
    '  node dist/bin/worker.js config.yml',
    '  taskcluster api queue ping',
    '',
    ...containerAdvice(host, networkInterfaces()).flatMap((line) => [line, '']),
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}

async function writeCredentials(file: string, { rootUrl, credentials }: LocalTaskcluster): Promise<void> {
  const { clientId, accessToken } = credentials;
  // The mode applies only to new files, so an old one is removed first.
  await rm(file, { force: true });
  await writeFile(file, `${JSON.stringify({ rootUrl, clientId, accessToken }, null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
  });
}

async function rolesIn(file: string): Promise<readonly NewRole[]> {
  try {
    return readRoles(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`the roles of ${file} can't be used: ${errorMessage(error)}`, { cause: error });
  }
}

async function end(server: LocalTaskcluster, { dataDir }: Flags): Promise<void> {
  await server.close();
  if (dataDir !== undefined) await writeState(dataDir, server.saveState());
}

function fail(error: unknown): void {
  process.stderr.write(`local-taskcluster: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}

async function main(flags: Flags): Promise<void> {
  const { credentialsFile, roles: rolesFile, page: hasPage, ...options } = flags;
  const roles = rolesFile === undefined ? [] : await rolesIn(rolesFile);
  const state = options.dataDir === undefined ? undefined : await readState(options.dataDir);
  const directory = hasPage ? pageDirectory() : undefined;
  const page = directory !== undefined && { page: { directory } };
  const server = await LocalTaskcluster.start({ ...options, ...(state && { state }), ...page, roles });
  const stop = (): void => {
    end(server, flags).catch(fail);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    if (credentialsFile !== undefined) await writeCredentials(credentialsFile, server);
  } catch (error) {
    await server.close();
    throw error;
  }
  process.stdout.write(instructions(server, flags));
}

try {
  await main(parseFlags(process.argv.slice(2)));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else fail(error);
}
