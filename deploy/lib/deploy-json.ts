import { chmod, readFile } from 'node:fs/promises';
import { VARIABLES } from '../variables.js';
import { DeployError } from './deploy-error.js';
import { writePrivateFile } from './private-file.js';

/** Variable names and their values, as stored in deploy/deploy.json. */
export type Values = Readonly<Record<string, string>>;

/**
 * Returns the values in a deploy.json; none when there is no such file. Throws a DeployError that names each key that
 * is not a variable and each value that is not a string, and never shows a value.
 */
export async function readDeployJson(file: string): Promise<Values> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  // The file may have been written by hand.
  await chmod(file, 0o600);
  return checkValues(file, parse(file, text));
}

/** Replaces a deploy.json; only its owner may read it. */
export async function writeDeployJson(file: string, values: Values): Promise<void> {
  await writePrivateFile(file, `${JSON.stringify(values, null, 2)}\n`);
}

/** Returns a map of variables to strings. Throws a DeployError about `source` that lists all problems. */
export function checkValues(source: string, found: unknown): Values {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    throw new DeployError(`${source}: it must be a map of the variables in deploy/variables.ts to their values.`);
  }
  const storable = VARIABLES.filter(({ perBuild }) => !perBuild).map(({ name }) => name);
  const problems = Object.entries(found).flatMap(([name, value]) => {
    if (!storable.includes(name)) return [`${name} is not a variable; the variables are ${storable.join(', ')}`];
    return typeof value === 'string' ? [] : [`${name} is not a string (put it in quotes, or after |)`];
  });
  if (problems.length > 0) throw new DeployError(problems.map((problem) => `${source}: ${problem}.`).join('\n'));
  return found as Values;
}

/** Hides the message of JSON.parse: it quotes a part of the text, which may be a secret. */
function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DeployError(
      `${file} is not JSON. Correct it, or recreate it with deploy/bin/import-docker-worker-secrets.`,
    );
  }
}
