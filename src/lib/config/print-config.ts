import yaml from 'js-yaml';
import type { LoadedConfig } from './load-config.js';
import type { ConfigPath } from './layers.js';

/** The configuration as YAML that could be read again, but for its secrets, which show as `***`. */
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
