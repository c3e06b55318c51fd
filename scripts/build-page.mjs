// Bundles the page of the local Taskcluster for browsers (src/page) into a folder: index.html, login.html and assets/.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const SOURCE = 'src/page';

/** Writes the page. The names of assets have a hash of their content, so that browsers may keep them for ever. */
export async function buildPage(root, outdir) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`${SOURCE}/main.tsx`, `${SOURCE}/main.css`],
    outdir,
    bundle: true,
    // Editor, terminal and display are parts of their own, which are loaded when they are used.
    splitting: true,
    entryNames: 'assets/[name]-[hash]',
    chunkNames: 'assets/[name]-[hash]',
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16.4'],
    tsconfig: 'tsconfig.page.json',
    define: { 'process.env.NODE_ENV': '"production"' },
    minify: true,
    metafile: true,
    legalComments: 'linked',
    logLevel: 'warning',
  });
  writeFileSync(path.join(outdir, 'LICENCES.txt'), licencesOf(metafile, root).join(`\n${'-'.repeat(80)}\n\n`));
  const names = { '%SCRIPT%': assetOf(metafile, 'main.tsx'), '%STYLE%': assetOf(metafile, 'main.css') };
  for (const name of ['index.html', 'login.html']) {
    const template = readFileSync(path.join(root, SOURCE, name), 'utf8');
    const text = template.replace(/%(?:SCRIPT|STYLE)%/g, (mark) => `/page/assets/${names[mark]}`);
    writeFileSync(path.join(outdir, name), text);
  }
}

/** Returns the licences of all packages that are in the bundle: they are not installed beside it. */
function licencesOf({ inputs }, root) {
  const folders = new Set(
    Object.keys(inputs).flatMap((input) => input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
  );
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    const files = readdirSync(path.join(root, folder)).filter((file) => /^licen[cs]e/i.test(file));
    if (files.length === 0) throw new Error(`the package ${name} has no licence`);
    const texts = files.map((file) => readFileSync(path.join(root, folder, file), 'utf8').trim());
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
  });
}

/** Returns the name of the file that an entry point became. */
function assetOf({ outputs }, entry) {
  const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === `${SOURCE}/${entry}`);
  if (!found) throw new Error(`esbuild wrote nothing for ${entry}`);
  return path.basename(found[0]);
}
