#!/usr/bin/env node
// The worker as it is compiled, under the name that it had in docker-worker 2019.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/bin/worker.js', import.meta.url);
if (!existsSync(compiled)) {
  process.stderr.write('bin/worker.js: the worker is not compiled. Run ./build.sh (or npm ci && npm run build).\n');
  process.exit(1);
}
await import(compiled.href);
