import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';

interface Package {
  readonly version: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
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

/** The packages that the page for browsers imports, and theirs: they are bundled, so npm does not install them. */
function packagesOfPage(packages: Readonly<Record<string, Package>>): ReadonlySet<string> {
  const names = readdirSync('src/page', { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(tsx?|css)$/.test(name),
  );
  const texts = names.map((name) => readFileSync(`src/page/${name}`, 'utf8')).join('\n');
  const imported = [...texts.matchAll(/(?:from|import\(?) ?'((?:@[\w-]+\/)?\w[\w-]*)/g)].map(([, name = '']) => name);
  const found = new Set<string>();
  const add = (name: string): void => {
    const path = `node_modules/${name}`;
    if (found.has(path) || !packages[path]) return;
    found.add(path);
    for (const each of Object.keys(packages[path].dependencies ?? {})) add(each);
  };
  imported.forEach(add);
  return found;
}

/** Name, version and licence of each package that is installed with the worker, or bundled, and is not under a permissive licence. */
function packagesToName(): readonly string[] {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, Package>>;
  };
  const ofPage = packagesOfPage(lock.packages);
  assert.ok(ofPage.has('node_modules/preact') && ofPage.has('node_modules/@lezer/yaml'));
  const named = Object.entries(lock.packages)
    .filter(
      ([path, { dev, devOptional }]) => path !== '' && (ofPage.has(path) || (dev !== true && devOptional !== true)),
    )
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
