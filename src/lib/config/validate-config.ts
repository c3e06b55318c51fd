import { isIPv4 } from 'node:net';
import type { ErrorObject } from 'ajv';
import { ajvOfOwnSchemas } from '../util/own-schema.js';
import { signsHostNames } from './complete-config.js';
import { isTree } from './layers.js';
import type { ConfigPath, ConfigTree } from './layers.js';
import { CONFIG_SCHEMA } from './schema.js';

/** A problem with the value at `path`. */
export interface ConfigProblem {
  readonly path: ConfigPath;
  readonly message: string;
  /** The value whose layer caused the problem, if it is a different one. */
  readonly cause?: ConfigPath;
  /** The configuration has no such key. */
  readonly isUnknown?: true;
}

/** Features that are always known; each sidecar adds one with its own name. */
const FEATURES = [
  'localLiveLog',
  'artifacts',
  'bulkLog',
  'chainOfTrust',
  'taskclusterProxy',
  'interactive',
  'dockerSave',
  'dind',
  'allowPtrace',
  'encryptedEnv',
];

/** What tasks request elsewhere than in payload.features. */
const WITHOUT_SWITCH = ['caches', 'devices', 'privileged', 'disableSeccomp'];
/** Host names that every task has, or that taskclusterProxy adds. */
const RESERVED_HOSTS = ['localhost', 'localhost.localdomain', 'taskcluster'];

/** Labels of letters, digits and hyphens, separated by dots: the part of a host name after its signed label. */
const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/i;

/** A message does not list more keys than this: an operator would not read them there. */
const MAX_LISTED_KEYS = 12;

const validate = ajvOfOwnSchemas({ allErrors: true, verbose: true, allowUnionTypes: true }).compile(CONFIG_SCHEMA);

/** Returns all problems of merged configuration values, at most one per path; empty when they are valid. */
export function validateConfig(values: ConfigTree, isSecret: (path: ConfigPath) => boolean): readonly ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  const found = validate(values) ? [] : (validate.errors ?? []).map((error) => problemOf(error, isSecret));
  for (const problem of [...found, ...relationProblems(values)]) {
    const key = problem.path.join('\0');
    if (!problems.has(key)) problems.set(key, problem);
  }
  return [...problems.values()];
}

/** Returns a problem for each of `paths` that a configuration with these values cannot have. */
export function unknownKeys(values: ConfigTree, paths: readonly ConfigPath[]): readonly ConfigProblem[] {
  if (paths.length === 0) return [];
  const asked = new Set(paths.map((path) => path.join('\0')));
  // Changed in place: a copy for each of many keys would take quadratic time.
  const filled = structuredClone(values) as Record<string, unknown>;
  for (const path of paths) addPlaceholder(filled, path);
  return validateConfig(filled, () => true).filter(
    ({ path, isUnknown }) => isUnknown === true && asked.has(path.join('\0')),
  );
}

/** Sets a placeholder at `path`, unless there is a value. */
function addPlaceholder(values: Record<string, unknown>, path: ConfigPath): void {
  let tree = values;
  for (const [depth, key] of path.entries()) {
    const inner = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (isTree(inner)) {
      tree = inner;
      continue;
    }
    if (inner !== undefined && depth === path.length - 1) return;
    const made = {};
    // Not an assignment: __proto__ is an ordinary key here.
    Object.defineProperty(tree, key, { value: made, enumerable: true, configurable: true, writable: true });
    tree = made;
  }
}

function problemOf(error: ErrorObject, isSecret: (path: ConfigPath) => boolean): ConfigProblem {
  const path = error.instancePath.split('/').slice(1).map(unescapePointer);
  const schema = error.parentSchema as ConfigTree | undefined;
  const properties = isTree(schema?.['properties']) ? schema['properties'] : {};
  const params = error.params as Readonly<Record<string, unknown>>;
  if (error.keyword === 'additionalProperties') {
    const key = String(params['additionalProperty']);
    const message = `unknown key${knownKeys(key, Object.keys(properties))}`;
    return { path: [...path, key], message, isUnknown: true };
  }
  if (error.keyword === 'required') {
    const key = String(params['missingProperty']);
    const wanted = properties[key];
    return {
      path: [...path, key],
      message: `missing, expected ${isTree(wanted) ? String(wanted['description']) : 'a value'}`,
    };
  }
  const found = isSecret(path) ? 'something else' : brief(error.data);
  return { path, message: `expected ${String(schema?.['description'])}, found ${found}` };
}

function knownKeys(key: string, known: readonly string[]): string {
  const meant = known.find((candidate) => candidate.toLowerCase() === key.toLowerCase());
  if (meant !== undefined) return `, did you mean ${meant}?`;
  if (known.length === 0 || known.length > MAX_LISTED_KEYS) return '';
  return `, expected one of ${known.join(', ')}`;
}

/** Checks what a schema expresses poorly: keys that depend on one another. Ignores values of the wrong type. */
function relationProblems(values: ConfigTree): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const { docker, features, sidecars, statelessHostname } = values;
  if (isTree(features)) {
    const known = [...FEATURES, ...(isTree(sidecars) ? Object.keys(sidecars) : [])];
    for (const name of Object.keys(features).filter((feature) => !known.includes(feature))) {
      const message = `unknown feature, expected one of ${known.join(', ')}`;
      problems.push({ path: ['features', name], message, isUnknown: true });
    }
  }
  if (isTree(statelessHostname) && signsHostNames(statelessHostname)) {
    problems.push(...signedNameProblems(statelessHostname, values['publicIp']));
  }
  if (isTree(sidecars)) problems.push(...sidecarProblems(sidecars, isTree(features) ? features : {}));
  if (isTree(docker)) problems.push(...dockerProblems(docker));
  return problems;
}

function sidecarProblems(sidecars: ConfigTree, features: ConfigTree): ConfigProblem[] {
  return Object.entries(sidecars).flatMap(([name, sidecar]) => {
    const problems: ConfigProblem[] = [];
    if ([...FEATURES, ...WITHOUT_SWITCH].includes(name)) {
      problems.push({ path: ['sidecars', name], message: 'another feature has this name, choose another one' });
    }
    if (!isTree(sidecar)) return problems;
    const { alias, cmd, env, token } = sidecar;
    if (typeof alias === 'string' && RESERVED_HOSTS.includes(alias.toLowerCase())) {
      const message = `expected a host name that nothing else in a task uses, found ${brief(alias)}`;
      problems.push({ path: ['sidecars', name, 'alias'], message });
    }
    const feature = features[name];
    const isEnabled = isTree(feature) && feature['enabled'] === true;
    if (isEnabled && token === undefined && JSON.stringify([cmd, env]).includes('{{token}}')) {
      const path = ['sidecars', name, 'token'];
      const message = `missing, expected a string because features.${name}.enabled is true and {{token}} is used`;
      problems.push({ path, message, cause: ['features', name, 'enabled'] });
    }
    return problems;
  });
}

/** Checks the parts of a signed host name. */
function signedNameProblems({ domain }: ConfigTree, publicIp: unknown): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (typeof domain === 'string' && !DOMAIN.test(domain)) {
    problems.push({ path: ['statelessHostname', 'domain'], message: `expected a domain name, found ${brief(domain)}` });
  }
  if (typeof publicIp === 'string' && !isIPv4(publicIp)) {
    const message = `expected an IPv4 address because host names are signed (statelessHostname), found ${brief(publicIp)}`;
    problems.push({ path: ['publicIp'], message });
  }
  return problems;
}

function dockerProblems(docker: ConfigTree): ConfigProblem[] {
  const { socketPath, host, port } = docker;
  if (socketPath !== undefined && (host !== undefined || port !== undefined)) {
    return [{ path: ['docker'], message: 'expected either socketPath or host and port, found both' }];
  }
  if ((host === undefined) === (port === undefined)) return [];
  return [
    {
      path: ['docker'],
      message: `expected host and port together, ${host === undefined ? 'host' : 'port'} is missing`,
    },
  ];
}

function brief(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isTree(value)) return 'a map';
  const json = value instanceof Date ? value.toISOString() : JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

function unescapePointer(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
