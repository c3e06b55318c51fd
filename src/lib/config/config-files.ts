import { readFile } from 'node:fs/promises';
import path from 'node:path';
import yaml from 'js-yaml';
import { ConfigError } from './config-error.js';
import { CONFIG_YAML_SCHEMA } from './env-tags.js';
import { isTree } from './layers.js';
import type { ConfigTree, Layer } from './layers.js';
import { isRetiredKey } from './retired-keys.js';
import { CONFIG_KEYS } from './schema.js';

/** A configuration file: flat keys, or sections, of which `defaults` and the chosen profile's are used. */
export interface ConfigFile {
  readonly path: string;
  /** Profiles that the file has a section for. */
  readonly profiles: readonly string[];
  /** Returns the layers it contributes under that profile, lowest first. */
  layers(profile: string | undefined): readonly Layer[];
}

const KNOWN_PROFILES = ['production', 'test'];

/** Reads a file; undefined if it is missing. Throws a ConfigError, which never quotes it, if it is unreadable. */
export async function readConfigFile(file: string): Promise<ConfigFile | undefined> {
  let content;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ConfigError([`${file}: can't be read (${code}), check its permissions`], { cause: error });
  }
  const values = parse(file, content);
  return { path: file, profiles: profilesOf(values), layers: (profile) => layersOf(file, values, profile) };
}

/** Returns the additional files to look for in each folder, lowest first. */
export function additionalFiles(folders: readonly string[]): readonly string[] {
  const distinct = new Set(folders.map((folder) => path.resolve(folder)));
  return [...distinct].flatMap((folder) => [
    path.join(folder, 'docker-worker.conf.json'),
    path.join(folder, 'docker-worker.conf.yml'),
  ]);
}

function parse(file: string, content: string): ConfigTree {
  let values: unknown;
  try {
    values = yaml.load(content, { schema: CONFIG_YAML_SCHEMA, filename: file }) ?? {};
  } catch (error) {
    if (!(error instanceof yaml.YAMLException)) throw error;
    // Older typings of js-yaml omit that the mark may be missing; its snippet would quote secrets.
    const mark = error.mark as yaml.Mark | undefined;
    const place = mark ? `, line ${mark.line + 1}, column ${mark.column + 1}` : '';
    throw new ConfigError([`${file}${place}: not valid YAML or JSON: ${error.reason.replaceAll(/\s+/g, ' ')}`]);
  }
  if (isTree(values)) return values;
  throw new ConfigError([`${file}: expected a map of settings at its top`]);
}

function layersOf(file: string, values: ConfigTree, profile: string | undefined): Layer[] {
  const profiles = profilesOf(values);
  const { defaults } = values;
  // Without sections, every top-level key is a setting, so a misspelt one is refused.
  const sectioned = defaults !== undefined || profiles.length > 0;
  const flat = Object.entries(values).filter(([key]) => !sectioned || (key !== 'defaults' && !profiles.includes(key)));
  return [
    { name: file, values: Object.fromEntries(flat) },
    ...sectionLayer(file, 'defaults', defaults),
    ...(profile !== undefined && profiles.includes(profile) ? sectionLayer(file, profile, values[profile]) : []),
  ];
}

/** Returns the name of the layer made from a section of a file. */
export function sectionName(file: string, section: string): string {
  return `${file} [${section}]`;
}

function sectionLayer(file: string, name: string, section: unknown): Layer[] {
  if (section === undefined || section === null) return [];
  if (isTree(section)) return [{ name: sectionName(file, name), values: section }];
  throw new ConfigError([`${file}: expected a map of settings in the section ${name}`]);
}

function profilesOf(values: ConfigTree): string[] {
  const isProfile = (key: string): boolean =>
    KNOWN_PROFILES.includes(key) ||
    (values['defaults'] !== undefined && isTree(values[key]) && !CONFIG_KEYS.has(key) && !isRetiredKey(key));
  return Object.keys(values).filter((key) => key !== 'defaults' && isProfile(key));
}
