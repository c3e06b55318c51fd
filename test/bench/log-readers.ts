import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { readLog } from '../support/read-log.js';

/**
 * A program that reads one log several times at once, slowly. Arguments: how many readers, the bytes that each of them
 * takes in a second, the bytes of output. Prints a line when it is ready. The first line of its input is the log's address;
 * after a second one the readers are slow no more. Prints {bytes, sha256} of each as JSON.
 */
const [readers = 0, bytesPerSecond = 0, outputBytes = 0] = process.argv.slice(2).map(Number);
const hurry = new AbortController();
const lines = createInterface({ input: process.stdin });
process.stdout.write('ready\n');
const [url] = (await once(lines, 'line')) as [string];
lines.once('line', () => {
  hurry.abort();
});
const options = { outputBytes, bytesPerSecond, hurry: hurry.signal };
const read = await Promise.all(Array.from({ length: readers }, () => readLog(url, options)));
process.stdout.write(`${JSON.stringify(read.map(({ bytes, sha256 }) => ({ bytes, sha256 })))}\n`);
process.exit(0);
