import { load, YAMLException } from 'js-yaml';
import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import type { GivenOptions, SecretSource } from './options.js';
import { readText } from './read-text.js';

const MAX_BYTES = 1024 * 1024;

/** The values of the tasks' secrets, by name. */
export type Secrets = Readonly<Record<string, JsonObject>>;

/**
 * Reads the secrets that the options name. A value is a map, as the secrets service has it; plain text becomes `{ value: text }`.
 * Throws a CiInputError, which never quotes a secret.
 */
export async function readSecrets(
  { secrets: file, secret: sources = [] }: Pick<GivenOptions, 'secret' | 'secrets'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Secrets> {
  const found = new Map<string, JsonObject>();
  if (file !== undefined) for (const [name, value] of await secretsIn(file)) found.set(name, value);
  for (const source of sources) found.set(source.name, await secretOf(source, env));
  return Object.fromEntries(found);
}

async function secretsIn(path: string): Promise<readonly (readonly [string, JsonObject])[]> {
  const option = `--secrets ${path}`;
  const content = parsed(await readText(path, '--secrets', MAX_BYTES), option);
  if (!isMap(content)) throw new CiInputError(`${option}: expected a map from the names of secrets to their values`);
  return Object.entries(content).map(([name, value]) => {
    if (typeof value === 'string') return [name, { value }];
    if (isMap(value)) return [name, value];
    throw new CiInputError(`${option}: the value of ${JSON.stringify(name)} must be a map or a text`);
  });
}

async function secretOf(
  { name, file }: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<JsonObject> {
  const option = `--secret ${name}`;
  if (file !== undefined) return valueOf(await readText(file, option, MAX_BYTES), `${option}=${file}`, file);
  // Shells can't set variables with the slashes that names of secrets have.
  const variable = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  const text = env[name] ?? env[variable];
  if (text !== undefined) return valueOf(text, option);
  throw new CiInputError(
    `${option}: there is no environment variable ${variable}: set it, or name a file with --secret ${name}=<file>`,
  );
}

/** JSON, and files whose names say so, hold the map itself; everything else is text, such as a key or a token. */
function valueOf(text: string, option: string, file = ''): JsonObject {
  if (!/^\s*\{/.test(text) && !/\.(?:json|ya?ml)$/.test(file)) return { value: text.replace(/\r?\n$/, '') };
  const content = parsed(text, option);
  if (isMap(content)) return content;
  throw new CiInputError(`${option}: the value of a secret is a map, such as { "token": "…" }`);
}

function parsed(text: string, option: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // Its message, and even its reason, may quote the secret.
    const mark = error.mark as { readonly line: number } | undefined;
    throw new CiInputError(`${option}: not YAML or JSON${mark ? ` (line ${mark.line + 1})` : ''}`);
  }
}

function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
