// Exits 0 when node_modules/ holds exactly what package-lock.json asks for, 1 when `npm ci` is needed.
// npm notes what it installed in node_modules/.package-lock.json as its last step, so an interrupted install shows too.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const root = join(import.meta.dirname, '..');
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** A changed package.json with an unchanged lock file: `npm ci` refuses that, with a message that says what to do. */
function lockMatchesPackage(lock, manifest) {
  const locked = lock.packages[''];
  return ['dependencies', 'devDependencies', 'optionalDependencies'].every((kind) =>
    isDeepStrictEqual(locked[kind] ?? {}, manifest[kind] ?? {}),
  );
}

/** Optional packages may be absent: they are for other machines. */
function isInstalled([path, wanted], installed) {
  const found = installed.packages[path];
  return found === undefined ? wanted.optional === true : found.version === wanted.version;
}

function isCurrent() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const lock = read('package-lock.json');
  const installed = read('node_modules/.package-lock.json');
  const wanted = Object.entries(lock.packages).filter(([path]) => path !== '');
  return lockMatchesPackage(lock, read('package.json')) && wanted.every((entry) => isInstalled(entry, installed));
}

process.exit(isCurrent() ? 0 : 1);
