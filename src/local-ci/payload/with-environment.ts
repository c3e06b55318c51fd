import type { JsonObject } from '../model.js';
import { changePayload, isObject } from './change-payload.js';

type Variables = Readonly<Record<string, string>>;

export interface EnvironmentOptions {
  /** Whether `env` replaces variables that the payload has itself. */
  readonly override?: boolean;
}

const COUNT = 'GIT_CONFIG_COUNT';
const NUMBERED = /^GIT_CONFIG_(KEY|VALUE)_(\d{1,9})$/;

/**
 * Returns the definition with more variables in payload.env. The payload's own values win unless `override` is set.
 * Configuration for git in numbered variables (GIT_CONFIG_COUNT, _KEY_<n>, _VALUE_<n>) is appended to the payload's own,
 * never replaced.
 */
export function withEnvironment(
  definition: JsonObject,
  env: Variables,
  { override = false }: EnvironmentOptions = {},
): JsonObject {
  if (Object.keys(env).length === 0) return definition;
  return changePayload(definition, ({ env: given = {} }) => {
    // The worker refuses such a payload, and says so.
    if (!isObject(given)) return {};
    const { plain, gitConfig } = parted(env);
    const merged = override ? { ...given, ...plain } : { ...plain, ...given };
    return { env: { ...merged, ...appended(gitConfig, given[COUNT]) } };
  });
}

/** Takes the configuration for git out of the variables, as pairs of key and value in their order. */
function parted(env: Variables): { readonly plain: Variables; readonly gitConfig: readonly (readonly string[])[] } {
  if (env[COUNT] === undefined) return { plain: env, gitConfig: [] };
  const plain = Object.entries(env).filter(([name]) => name !== COUNT && !NUMBERED.test(name));
  const gitConfig = Object.entries(env).flatMap(([name, key]) => {
    const [, kind, number = ''] = NUMBERED.exec(name) ?? [];
    return kind === 'KEY' ? [[key, env[`GIT_CONFIG_VALUE_${number}`] ?? '']] : [];
  });
  return { plain: Object.fromEntries(plain), gitConfig };
}

/** Returns the variables that follow those which the payload has. */
function appended(gitConfig: readonly (readonly string[])[], count: unknown): Variables {
  if (gitConfig.length === 0) return {};
  const first = countOf(count);
  // git refuses to run with such a count, here as anywhere.
  if (first === undefined) return {};
  const numbered = gitConfig.flatMap(([key = '', value = ''], index) => [
    [`GIT_CONFIG_KEY_${first + index}`, key],
    [`GIT_CONFIG_VALUE_${first + index}`, value],
  ]);
  return { [COUNT]: String(first + gitConfig.length), ...(Object.fromEntries(numbered) as Variables) };
}

/** As git reads it: nothing is zero. */
function countOf(count: unknown): number | undefined {
  if (count === undefined) return 0;
  return typeof count === 'string' && /^\d{0,6}$/.test(count) ? Number(count) : undefined;
}
