import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly license?: string;
}

/** Licences that ask for no more than their text, which is in the packages. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'Unlicense'];

/** What older packages have in place of `license`. */
function olderLicense(path: string): string | undefined {
  if (!existsSync(`${path}/package.json`)) return undefined;
  const { licenses } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as {
    readonly licenses?: readonly { readonly type: string }[];
  };
  return licenses?.map(({ type }) => type).join(' AND ');
}

/** Name, version and licence of each package that is installed with the worker and is not under a permissive licence. */
function packagesToName(): readonly string[] {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, Package>>;
  };
  const named = Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path, { version, license }]) => ({
      name: `${path.replace(/^.*node_modules\//, '')} ${version}`,
      license: license ?? olderLicense(path) ?? 'unknown',
    }))
    .filter(({ license }) => !license.split(/[() ]+|AND|OR/).every((part) => part === '' || PERMISSIVE.includes(part)));
  return named.map(({ name, license }) => `${name}: ${license.replace(/\+$/, '-or-later')}`).sort();
}

describe('NOTICE', () => {
  const notice = readFileSync('NOTICE', 'utf8');

  it('names exactly the shipped packages under licences that are not permissive', () => {
    const named = notice.matchAll(/^(\S+ \d+\.\d+\.\d+)\n {2}Licence: (\S+) \((.*)\)$/gm);
    assert.deepEqual([...named].map(([, name, license]) => `${name}: ${license}`).sort(), packagesToName());
  });

  it('refers to licence texts that are shipped', () => {
    const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly files: readonly string[] };
    assert.ok(files.includes('NOTICE') && files.includes('licenses'));
    const texts = [...notice.matchAll(/\blicenses\/\S+\.txt/g)].map(([path]) => path);
    assert.equal(texts.length, 3);
    for (const path of texts) assert.ok(existsSync(path), path);
  });

  it('is right that openpgp is not bundled', () => {
    assert.match(readFileSync('scripts/build.mjs', 'utf8'), /^const SEPARATE = \[.*'openpgp'.*\];$/m);
  });
});
