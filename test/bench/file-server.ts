import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** A program that serves the file it is given, on loopback, until it is killed; prints its address. */
const [file = ''] = process.argv.slice(2);
const { size } = await stat(file);
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-length': size, etag: '"file"' });
  // Whoever hangs up before the end has its reasons.
  pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), response).catch(() => undefined);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/image.tar.zst\n`);
});
