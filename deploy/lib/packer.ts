import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VARIABLES } from '../variables.js';
import type { AmiRecord } from './ami-record.js';
import { DeployError } from './deploy-error.js';
import { PackerOutput } from './packer-output.js';
import { writePrivateFile } from './private-file.js';
import type { Use } from './resolve-variables.js';
import type { Terminal } from './terminal.js';
import { commandLine } from './tools.js';
import type { Call, Tools } from './tools.js';

/** Returns the variables that a packer template (JSON) declares. Throws DeployError. */
export async function packerUses(template: string): Promise<readonly Use[]> {
  let text: string;
  try {
    text = await readFile(template, 'utf8');
  } catch (error) {
    throw new DeployError(`The packer template ${template} could not be read.`, { cause: error });
  }
  const { variables = {} } = parse(template, text);
  const known = new Set(VARIABLES.map(({ name }) => name));
  // Unknown variables with a default are meant for running packer by hand.
  return Object.entries(variables)
    .filter(([variable, value]) => known.has(variable) || value === null || value === '')
    .map(([variable]) => ({ file: template, variable }));
}

export interface PackerBuild {
  readonly template: string;
  readonly values: ReadonlyMap<string, string>;
  /** Names of the builders to run. */
  readonly builders: readonly string[];
  /** The signing key for the trusted builder. */
  readonly chainOfTrustKey: string | undefined;
  /** Options for packer itself; they follow ours, so they take precedence. */
  readonly options: readonly string[];
}

/**
 * Runs packer and returns the AMIs that it built. Values are passed in files that only the owner may read and that are
 * removed afterwards, never on the command line, which every user of the machine could see. Throws DeployError when
 * packer fails.
 */
export async function runPacker(build: PackerBuild, { tools, terminal }: Machine): Promise<AmiRecord['builders']> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-packer-'));
  try {
    const { varFile, keyFile } = filesIn(directory);
    await writePrivateFile(keyFile, `${build.chainOfTrustKey ?? ''}\n`);
    await writePrivateFile(varFile, JSON.stringify(Object.fromEntries(valuesOf(build, keyFile)), null, 2));
    const call = packerCall(build, varFile);
    const output = new PackerOutput();
    const code = await tools.follow(call, (line) => {
      const text = output.read(line);
      if (text !== undefined) terminal.say(text);
    });
    if (code === undefined) throw new DeployError('packer: not found. Install HashiCorp packer.');
    if (code !== 0) throw failure(call, code, output);
    return output.builders;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Returns a description of what `runPacker` would do, with the secrets left out. */
export function describePacker(build: PackerBuild, secrets: ReadonlySet<string>): readonly string[] {
  const { varFile, keyFile } = filesIn(join(tmpdir(), 'docker-worker-packer-XXXXXX'));
  const values = [...valuesOf(build, keyFile)];
  const lines = values.map(([name, value]) => `    ${name} = ${secrets.has(name) ? '***' : JSON.stringify(value)}`);
  return [
    commandLine(packerCall(build, varFile)),
    '  with these variables in that file, which only you may read:',
    ...lines,
  ];
}

/**
 * Returns an error that names the failed builders, and the AMIs that other builders still made: they are not recorded
 * anywhere.
 */
function failure(call: Call, code: number, { errors, builders }: PackerOutput): DeployError {
  const failed = [...errors].map(([builder, message]) => `\n  ${builder}: ${message}`);
  const made = Object.entries(builders).flatMap(([builder, amis]) =>
    Object.entries(amis).map(([region, ami]) => `\n  ${builder} ${region}: ${ami}`),
  );
  const left = made.length === 0 ? '' : `\nThese AMIs were made and are not recorded; remove them:${made.join('')}`;
  return new DeployError(`${commandLine(call)} failed (exit code ${code}); see its output.${failed.join('')}${left}`);
}

interface Machine {
  readonly tools: Tools;
  readonly terminal: Terminal;
}

function filesIn(directory: string): { readonly varFile: string; readonly keyFile: string } {
  return { varFile: join(directory, 'variables.json'), keyFile: join(directory, 'chain-of-trust.key') };
}

function valuesOf({ values }: PackerBuild, keyFile: string): ReadonlyMap<string, string> {
  return values.has('chainOfTrustKeyFile') ? new Map([...values, ['chainOfTrustKeyFile', keyFile]]) : values;
}

function packerCall({ template, builders, options }: PackerBuild, varFile: string): Call {
  return {
    command: 'packer',
    args: ['build', '-machine-readable', `-only=${builders.join(',')}`, `-var-file=${varFile}`, ...options, template],
    // Disables the request to HashiCorp that checks for a newer version.
    env: { CHECKPOINT_DISABLE: '1' },
  };
}

function parse(template: string, text: string): { readonly variables?: Readonly<Record<string, string | null>> } {
  try {
    return JSON.parse(text) as ReturnType<typeof parse>;
  } catch (error) {
    throw new DeployError(`The packer template ${template} is not JSON.`, { cause: error });
  }
}
