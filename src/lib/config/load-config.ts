import { realpath } from 'node:fs/promises';
import { shorten } from '../util/shorten.js';
import { completeConfig, parseDockerHost } from './complete-config.js';
import type { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { additionalFiles, readConfigFile, sectionName } from './config-files.js';
import type { ConfigFile } from './config-files.js';
import type { Environment } from './env-tags.js';
import { LayeredConfig, isTree } from './layers.js';
import type { ConfigPath, ConfigTree, Layer } from './layers.js';
import { replaceRetiredKeys } from './retired-keys.js';
import { isSecretKey } from './secret-keys.js';
import { withoutUnsetVariables } from './unset-variables.js';
import { unknownKeys, validateConfig } from './validate-config.js';
import type { ConfigProblem } from './validate-config.js';

/** The sources of a worker's configuration. */
export interface ConfigSources {
  /** The config.yml shipped with the worker: its `defaults` are the lowest layer. */
  readonly packagedConfigPath: string;
  /** The file given by the user; may be the packaged one. */
  readonly configPath?: string | undefined;
  /** The section to apply over `defaults`, in every file that has it. */
  readonly profile?: string | undefined;
  /** Folders with docker-worker.conf.{json,yml}, lowest first. */
  readonly searchDirs: readonly string[];
  /** The settings from the machine's host; its `defaults` are below all files but the packaged one. */
  readonly host?: (Layer & { readonly defaults?: ConfigTree }) | undefined;
  /** The settings from the command line; undefined values are ignored. */
  readonly flags?: ConfigTree;
  readonly env: Environment;
  readonly machine: { readonly hostname: string; readonly cores: number };
}

export interface LoadedConfig {
  readonly config: Config;
  /** One line each, for the operator. */
  readonly warnings: readonly string[];
  /** Names of the layers that were found, lowest first. */
  readonly layers: readonly string[];
  /** Every credential in the configuration, so that the worker's log can redact them everywhere. */
  readonly secrets: readonly string[];
  isSecret(path: ConfigPath): boolean;
  /** Returns whether the value is the default shipped with the worker. */
  readonly isUntouched: (path: ConfigPath) => boolean;
}

/** A file that is not a configuration may have thousands of problems. */
const MAX_PROBLEMS = 100;
const MAX_PROBLEM_LENGTH = 2000;

/** Merges, validates and completes the configuration. Throws a ConfigError listing problems, with key and layer. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { layers, warnings } = migrateLayers(await collectLayers(sources), sources.env);
  const merged = new LayeredConfig(sources.env);
  for (const layer of layers) merged.apply(layer);
  useAddressAsHost(merged, sources.host);

  const packaged = sectionName(sources.packagedConfigPath, 'defaults');
  const isUntouched = (path: ConfigPath): boolean => merged.originOf(path) === packaged;
  // A value readable in the packaged file is not a secret, unless it comes from a tag.
  const isSecret = (path: ConfigPath): boolean => merged.isSecret(path) || (isSecretKey(path) && !isUntouched(path));
  const found = allProblems(merged, isSecret);
  const problems = [...found.map(({ text }) => text), ...dockerHostProblems(merged.values(), sources.env)];
  if (problems.length > 0) throw new ConfigError(listed(problems), { keys: found.map(({ key }) => key) });

  const config = completeConfig(merged.values(), sources.env, sources.machine.cores);
  return {
    config,
    warnings: [...warnings, ...missingSecretWarnings(merged.values(), config)],
    layers: layers.map(({ name }) => name),
    secrets: secretValues(config, [], isSecret),
    isSecret,
    isUntouched,
  };
}

async function collectLayers(sources: ConfigSources): Promise<Layer[]> {
  const files = await readAll(sources);
  const { profile } = sources;
  const profiles = [...new Set(files.flatMap((file) => file.profiles))];
  if (profile !== undefined && profile !== 'defaults' && !profiles.includes(profile)) {
    throw new ConfigError([
      `profile ${profile}: no configuration file has this section, expected one of ${profiles.join(', ')}`,
    ]);
  }
  const [packaged, ...others] = files;
  const { host } = sources;
  const layers = [
    { name: 'this machine', values: { workerId: workerIdFrom(sources.machine.hostname) } },
    ...(packaged?.layers(profile) ?? []),
    ...(host?.defaults ? [{ name: `${host.name} by default`, values: host.defaults }] : []),
    ...others.flatMap((file) => file.layers(profile)),
    ...(host ? [{ name: host.name, values: host.values }] : []),
    { name: 'command line', values: sources.flags ?? {} },
  ];
  return layers.filter(({ values }) => Object.values(values).some((value) => value !== undefined));
}

/** Reads all existing files, lowest first; the ConfigError lists every unreadable one. */
async function readAll(sources: ConfigSources): Promise<ConfigFile[]> {
  const { packagedConfigPath, configPath, searchDirs } = sources;
  const given = configPath !== undefined && !(await isSameFile(configPath, packagedConfigPath)) ? [configPath] : [];
  const required = [packagedConfigPath, ...given];
  const files: ConfigFile[] = [];
  const problems: string[] = [];
  for (const path of [...required, ...additionalFiles(searchDirs)]) {
    try {
      const file = await readConfigFile(path);
      if (file) files.push(file);
      else if (required.includes(path))
        problems.push(`${path}: there is no such file, give the path of a configuration file`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return files;
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    return (await realpath(one)) === (await realpath(other));
  } catch {
    // One of them is missing or unreadable: reading it reports that.
    return false;
  }
}

/** Removes what configurations of older versions contain and this version does not accept. */
function migrateLayers(written: readonly Layer[], env: Environment): { layers: Layer[]; warnings: string[] } {
  const warnings = new Map<string, string>();
  const note = (found: ReadonlyMap<string, string>): void => {
    for (const [key, warning] of found) if (!warnings.has(key)) warnings.set(key, warning);
  };
  const layers = written.map((each) => {
    const { layer, retired } = replaceRetiredKeys(each);
    const { layer: migrated, warnings: unset } = withoutUnsetVariables(layer, env);
    note(retired);
    note(unset);
    return migrated;
  });
  return { layers, warnings: [...warnings.values()] };
}

/** A machine whose host knows its address but no name must not be reached as `localhost`. */
function useAddressAsHost(merged: LayeredConfig, host: ConfigSources['host']): void {
  const { host: name, publicIp } = host?.values ?? {};
  if (!host || name !== undefined || publicIp === undefined || merged.values()['host'] !== 'localhost') return;
  merged.apply({ name: host.name, values: { host: publicIp } });
}

function missingSecretWarnings({ statelessHostname }: ConfigTree, { host }: Config): string[] {
  const { enabled, secret } = isTree(statelessHostname) ? statelessHostname : {};
  if (enabled !== true || secret !== undefined) return [];
  return [`statelessHostname: there is no secret to sign host names with, so live logs and shells are at ${host}`];
}

function allProblems(
  merged: LayeredConfig,
  isSecret: (path: ConfigPath) => boolean,
): readonly { readonly key: string; readonly text: string }[] {
  const unresolved = merged.problems();
  // The unset variable is the problem; reporting the missing key too would only repeat it.
  const known = new Set(unresolved.map(({ path }) => path.join('\0')));
  const invalid = validateConfig(merged.values(), isSecret).filter(({ path }) => !known.has(path.join('\0')));
  const all: readonly ConfigProblem[] = [...unresolved, ...invalid];
  const described = all.map(({ path, message, cause = path }) => {
    const origin = merged.originOf(cause);
    const key = path.join('.');
    return { key, text: `${key}: ${message}${origin === undefined ? '' : ` (from ${origin})`}` };
  });
  return [...described, ...emptyKeyProblems(merged)];
}

/** Returns problems of empty values, which remove other values: where no value is allowed, the key is wrong. */
function emptyKeyProblems(merged: LayeredConfig): readonly { readonly key: string; readonly text: string }[] {
  const emptied = merged.emptied();
  const layers = new Map(emptied.map(({ path, layer }) => [path.join('\0'), layer]));
  const unknown = unknownKeys(
    merged.values(),
    emptied.map(({ path }) => path),
  );
  return unknown.map(({ path, message }) => {
    const key = path.join('.');
    return { key, text: `${key}: ${message} (from ${layers.get(path.join('\0')) ?? 'a file'})` };
  });
}

function listed(problems: readonly string[]): readonly string[] {
  const more = problems.length - MAX_PROBLEMS;
  const shown = problems.slice(0, MAX_PROBLEMS).map((problem) => shorten(problem, MAX_PROBLEM_LENGTH));
  return more > 0 ? [...shown, `… and ${more} more problems`] : shown;
}

function dockerHostProblems(values: ConfigTree, env: Environment): string[] {
  const dockerHost = env['DOCKER_HOST'];
  if (values['docker'] !== undefined || !dockerHost || parseDockerHost(dockerHost)) return [];
  return [
    'docker: the environment variable DOCKER_HOST is neither unix:///path nor tcp://host:port, set docker.socketPath or docker.host and docker.port',
  ];
}

/** Host names may be longer than worker ids and contain dots. */
function workerIdFrom(hostname: string): string {
  return hostname.replaceAll(/[^a-zA-Z0-9-_]/g, '-').slice(0, 38) || 'docker-worker';
}

function secretValues(value: unknown, path: ConfigPath, isSecret: (path: ConfigPath) => boolean): string[] {
  if (typeof value === 'string') return value !== '' && isSecret(path) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => secretValues(inner, [...path, key], isSecret));
}
