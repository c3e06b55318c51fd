import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json: its distance from this module depends on how the worker was built. */
const ROOT = rootAbove(fileURLToPath(import.meta.url));

function rootAbove(file: string): string {
  const folder = path.dirname(file);
  if (folder === file) throw new Error('no folder above the worker has its package.json');
  return existsSync(path.join(folder, 'package.json')) ? folder : rootAbove(folder);
}

/** Returns the path of a file shipped with the worker; `name` is relative to the folder of package.json. */
export function packageFile(name: string): string {
  return path.join(ROOT, name);
}

/** Returns the package's own version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { readonly version: string }).version;
}
