import { VARIABLES } from '../variables.js';
import type { Variable } from '../variables.js';
import type { Values } from './deploy-json.js';
import { DeployError } from './deploy-error.js';
import type { Terminal } from './terminal.js';

/** A file that uses a variable. */
export interface Use {
  readonly file: string;
  readonly variable: string;
}

export interface Sources {
  /** The known values, such as those from deploy.json. */
  readonly values: Values;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
}

export interface Resolved {
  /** A value for each variable that is used. */
  readonly values: ReadonlyMap<string, string>;
  /** The values that the operator typed. */
  readonly asked: Values;
}

/**
 * Finds a value for each variable that is used: a known one, its default, or one typed by the operator. Throws one
 * DeployError about all unknown variables and all that stay undefined, each with the file that uses it.
 */
export async function resolveVariables(uses: readonly Use[], { values, env, terminal }: Sources): Promise<Resolved> {
  refuseUnknown(uses);
  const names = [...new Set(uses.map(({ variable }) => variable))];
  const found = new Map<string, string>();
  for (const name of names) {
    const value = values[name] ?? variableNamed(name)?.defaultValue?.(env);
    if (value !== undefined) found.set(name, value);
  }
  const missing = names.filter((name) => !found.has(name));
  const askable = missing.filter((name) => !variableNamed(name)?.perBuild);
  const asked = terminal.isInteractive ? await askFor(askable, terminal) : {};
  for (const [name, value] of Object.entries(asked)) found.set(name, value);
  const undefinedUses = uses.filter(({ variable }) => !found.has(variable));
  if (undefinedUses.length > 0) throw new DeployError(undefinedUses.map(undefinedMessage).join('\n'));
  return { values: found, asked };
}

/** Returns the names of the variables whose values must never be shown. */
export function secretNames(): ReadonlySet<string> {
  return new Set(VARIABLES.filter(({ secret }) => secret).map(({ name }) => name));
}

/** Returns the variable with that name, if there is one. */
export function variableNamed(name: string): Variable | undefined {
  return VARIABLES.find((variable) => variable.name === name);
}

/** Throws a DeployError that names each use of an unknown variable. */
export function refuseUnknown(uses: readonly Use[]): void {
  const unknown = uses.filter(({ variable }) => !variableNamed(variable));
  if (unknown.length === 0) return;
  const lines = unknown.map(
    ({ file, variable }) =>
      `${file}: ${variable} is not a variable. Add it to deploy/variables.ts, or write \\{{${variable}}} for those characters.`,
  );
  throw new DeployError(lines.join('\n'));
}

async function askFor(names: readonly string[], terminal: Terminal): Promise<Values> {
  const answers: Record<string, string> = {};
  for (const name of names) {
    const variable = variableNamed(name);
    if (!variable) continue;
    terminal.say(`${name}: ${variable.description}`);
    const answer = await terminal.ask(`${name} (\\n for a new line) = `, variable.secret ? 'secret' : 'open');
    // Values with several lines (keys, certificates) are typed as one.
    if (answer.trim() !== '') answers[name] = answer.replaceAll('\\n', '\n');
  }
  return answers;
}

function undefinedMessage({ file, variable }: Use): string {
  const description = variableNamed(variable)?.description ?? '';
  return (
    `${file}: the variable ${variable} is undefined (${description}). Add it to the deployment's entry in the password ` +
    'store and run deploy/bin/import-docker-worker-secrets, or add it to deploy/deploy.json.'
  );
}
