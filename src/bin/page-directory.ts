import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../lib/util/package-file.js';

/** Returns the directory with the bundle of the local Taskcluster's page; undefined: it is not built. */
export function pageDirectory(): string | undefined {
  const directory = packageFile('dist/page');
  return existsSync(join(directory, 'index.html')) ? directory : undefined;
}
