import { load } from 'js-yaml';
import { VARIABLES } from '../variables.js';
import { checkValues } from './deploy-json.js';
import type { Values } from './deploy-json.js';
import { DeployError } from './deploy-error.js';
import type { Tools } from './tools.js';

/** Returns the entry of the password store with a deployment's secrets. */
export function entryOf(deployment: string): string {
  return `docker-worker/${deployment}.yml`;
}

/**
 * Returns the values in an entry of the password store. Throws a DeployError about missing or invalid values, which
 * never shows a value.
 */
export async function importSecrets(entry: string, tools: Tools): Promise<Values> {
  const shown = await tools.capture({ command: 'pass', args: ['show', entry] });
  if (!shown)
    throw new DeployError('pass: not found. Install it (https://www.passwordstore.org; apt-get install pass).');
  if (shown.code !== 0) {
    throw new DeployError(
      `pass show ${entry} failed: ${shown.stderr.trim()}\n` +
        `Get the password store of the team (pass git pull), check that your gpg key can decrypt it, or create the entry ` +
        `(pass edit ${entry}): YAML with a key for each variable without a default in deploy/variables.ts.`,
    );
  }
  return checkValues(`pass show ${entry}`, parse(entry, shown.stdout));
}

/** Returns the variables that have neither a value nor a default. */
export function missingFrom(values: Values, env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return VARIABLES.filter(({ perBuild, name, defaultValue }) => {
    return !perBuild && values[name] === undefined && defaultValue?.(env) === undefined;
  }).map(({ name }) => name);
}

/** Hides the message of js-yaml: it shows the lines around a mistake, which may be secrets. */
function parse(entry: string, text: string): unknown {
  try {
    return load(text);
  } catch (error) {
    const line = error instanceof Error && 'mark' in error ? (error.mark as { readonly line: number }).line + 1 : 0;
    throw new DeployError(
      `pass show ${entry}: it is not valid YAML (line ${line}). Correct it with pass edit ${entry}.`,
    );
  }
}
