import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json: how far above this module it is depends on how the worker was built. */
const ROOT = rootAbove(fileURLToPath(import.meta.url));

function rootAbove(file: string): string {
  const folder = path.dirname(file);
  if (folder === file) throw new Error('the worker is not in the folder of its package.json, or below it');
  return existsSync(path.join(folder, 'package.json')) ? folder : rootAbove(folder);
}

/** The path of a file that comes with the worker; `name` is its path from the folder of package.json. */
export function packageFile(name: string): string {
  return path.join(ROOT, name);
}

/** The package's own version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { readonly version: string }).version;
}
