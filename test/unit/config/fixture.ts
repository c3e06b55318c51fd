import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import { loadConfig } from '../../../src/lib/config/load-config.js';
import type { ConfigSources, LoadedConfig } from '../../../src/lib/config/load-config.js';

export const PACKAGED = path.resolve('config.yml');

export const CREDENTIALS = {
  TASKCLUSTER_ROOT_URL: 'https://tc.example.com',
  TASKCLUSTER_CLIENT_ID: 'me',
  TASKCLUSTER_ACCESS_TOKEN: 'the-access-token',
};

/** A folder of configuration files, removed after each test. */
export class ConfigFolder {
  root = '';

  async create(): Promise<void> {
    this.root = await mkdtemp(path.join(os.tmpdir(), 'config-test-'));
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true });
  }

  path(name: string): string {
    return path.join(this.root, name);
  }

  async write(name: string, content: string): Promise<string> {
    const file = this.path(name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  }
}

/** Loads with the packaged file and good credentials, unless told otherwise. */
export async function load(sources: Partial<ConfigSources> = {}): Promise<LoadedConfig> {
  return await loadConfig({
    packagedConfigPath: PACKAGED,
    searchDirs: [],
    env: CREDENTIALS,
    machine: { hostname: 'box', cores: 6 },
    ...sources,
  });
}

/** The problems of a configuration that can't be loaded. */
export async function problemsOf(sources: Partial<ConfigSources>): Promise<readonly string[]> {
  try {
    await load(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
