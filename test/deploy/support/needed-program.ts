import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Context } from 'mocha';
import { skipBecause } from '../../support/skip-because.js';

/** Installs a missing program as root on Debian and Ubuntu, or skips the suite; for `before`. */
export function need(context: Context, program: string, debianPackage = program): void {
  if (isThere(program)) return;
  context.timeout(900_000);
  if (process.getuid?.() === 0) spawnSync(resolve('scripts/apt-install.sh'), [debianPackage]);
  if (!isThere(program)) skipBecause(context, `there is no ${program} (apt-get install ${debianPackage})`);
}

function isThere(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}
