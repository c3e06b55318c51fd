// Loaded into a worker with --import: kills it as soon as it has written down the claims of an answer.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { writeFileSync } = fs;
fs.writeFileSync = (path, ...rest) => {
  writeFileSync(path, ...rest);
  if (String(path).endsWith('.claims')) process.kill(process.pid, 'SIGKILL');
};
syncBuiltinESMExports();
