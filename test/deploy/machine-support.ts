import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';
import { skipBecause } from '../support/skip-because.js';

export const TEMPLATE = 'deploy/template';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Environment = Readonly<Record<string, string>>;

/** Runs a program to its end, with these variables in addition to PATH and HOME. */
export async function run(command: readonly string[], env: Environment = {}): Promise<Ran> {
  const [program = '', ...args] = command;
  const path = process.env['PATH'] ?? '';
  const given = { PATH: `${path}${delimiter}/usr/sbin${delimiter}/sbin`, HOME: '/nonexistent', ...env };
  const child = spawn(program, args, { env: given, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Does the same for a program that must succeed; returns its standard output. */
export async function runOk(command: readonly string[], env: Environment = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, env);
  assert.equal(code, 0, `${command.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Installs a Debian package unless `program` exists; skips the test when that is impossible. */
export async function needProgram(context: Context, program: string, packageName: string): Promise<void> {
  if (await isOnPath(program)) return;
  if (process.getuid?.() !== 0 || !(await isOnPath('apt-get'))) {
    skipBecause(context, `${program} is not installed (Debian package ${packageName})`);
  }
  await runOk(['scripts/apt-install.sh', packageName]);
}

export function needRoot(context: Context): void {
  if (process.getuid?.() !== 0) skipBecause(context, 'only root may do what this tests');
}

/** Creates a directory that is removed at the end of its block. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'docker-worker-deploy-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A value for each variable in the files of deploy/template. */
export const VALUES: Environment = {
  rootUrl: 'https://tc.example.com',
  papertrail: 'logs.papertrailapp.com:12345',
  sslCertificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  sslKey: '-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----',
  statelessDnsSecret: 'dns-secret',
  statelessDnsDomain: 'taskcluster-worker.net',
  encryptedEnvPrivateKey: '-----BEGIN PGP PRIVATE KEY BLOCK-----\nCCCC\n-----END PGP PRIVATE KEY BLOCK-----',
  relengApiToken: '',
  registries: '{}',
  workerConfig: 'capacity: 2',
};

/** Renders the templates into `target`, as `make -C deploy` does. */
export async function renderTemplates(target: string, values: Environment = VALUES): Promise<void> {
  await cp(TEMPLATE, target, { recursive: true });
  for (const file of await filesBelow(TEMPLATE)) {
    const path = join(target, file);
    const { mode } = await stat(path);
    const text = await readFile(path, 'utf8');
    const rendered = text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      return values[name] ?? assert.fail(`${file} has the variable ${name}, which is unknown`);
    });
    await writeFile(path, rendered);
    await chmod(path, mode);
  }
}

/** Returns all files below a directory, as relative paths. */
export async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1)).sort();
}

async function isOnPath(program: string): Promise<boolean> {
  const { code } = await run(['sh', '-c', `command -v ${program}`]);
  return code === 0;
}
