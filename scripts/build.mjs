// Writes each program of src/bin, with what it needs, into few files. A worker of one file for each module, of its own and
// of its libraries, takes a third longer to start. Types are checked before that, by tsc (npm run build).
//
// usage: node scripts/build.mjs [--outDir FOLDER]   (default: dist; a folder beside it, as source maps have paths)
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { buildPage } from './build-page.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/**
 * Libraries that stay in node_modules: some look for files beside their own, the others are loaded when they are used
 * first, or by programs whose start nobody waits for.
 */
const SEPARATE = ['fastify', 'openpgp', 'pino', 'prom-client'];

/** What libraries load and the worker never uses, by src/bin/runtime.ts; these modules say so when they are used. */
const LEFT_OUT = {
  'http2-wrapper': './scripts/no-http2.mjs',
  ssh2: './scripts/no-ssh.mjs',
  '@grpc/grpc-js': './scripts/no-buildkit.mjs',
  '@grpc/proto-loader': './scripts/no-buildkit.mjs',
};

/** Programs of threads and processes, which are loaded by their path. */
const LOADED_BY_PATH = ['src/bin/render-process.ts', 'src/bin/watchdog-thread.ts'];

/** For bundled libraries that are no ES modules and ask for node's own. */
const REQUIRE =
  "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);";

const { values } = parseArgs({ options: { outDir: { type: 'string', default: 'dist' } } });
const outdir = path.resolve(ROOT, values.outDir);

rmSync(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: [...programs(), ...LOADED_BY_PATH],
  outbase: 'src',
  outdir,
  bundle: true,
  splitting: true,
  chunkNames: 'parts/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: SEPARATE,
  alias: LEFT_OUT,
  banner: { js: REQUIRE },
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'linked',
  logLevel: 'warning',
});

await buildPage(ROOT, path.join(outdir, 'page'));

/** The other files of src/bin are parts of them. */
function programs() {
  const files = readdirSync(path.join(ROOT, 'src/bin')).map((name) => path.join(ROOT, 'src/bin', name));
  return files.filter((file) => readFileSync(file, 'utf8').startsWith('#!'));
}
