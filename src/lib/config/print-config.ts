import yaml from 'js-yaml';
import type { LoadedConfig } from './load-config.js';
import type { ConfigPath } from './layers.js';

/** Returns the configuration as YAML that can be loaded again, except for its secrets, which are shown as `***`. */
export function printConfig({ config, isSecret }: Pick<LoadedConfig, 'config' | 'isSecret'>): string {
  return yaml.dump(masked(config, [], isSecret), { lineWidth: 120, noRefs: true, sortKeys: true });
}

function masked(value: unknown, path: ConfigPath, isSecret: (path: ConfigPath) => boolean): unknown {
  if (typeof value !== 'object' || value === null) return isSecret(path) ? '***' : value;
  if (Array.isArray(value)) return value.map((item, index) => masked(item, [...path, String(index)], isSecret));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, masked(inner, [...path, key], isSecret)]),
  );
}
