// Runs this checkout's TypeScript programs for the files in deploy/bin and bin whose names end in .js, as in
// docker-worker 2019. deploy/run-program.sh does the same for the other files.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);

/** Runs a program in this process; `path` is relative to the checkout. */
export async function runProgram(path) {
  if (!existsSync(new URL('node_modules/tsx/package.json', ROOT))) {
    process.stderr.write(`node_modules: tsx is not installed in ${fileURLToPath(ROOT)}. Run npm ci there.\n`);
    process.exit(1);
  }
  const { register } = await import('tsx/esm/api');
  register();
  await import(new URL(path, ROOT).href);
}
