import type { ExecOutput } from './engine.js';

const HEADER_BYTES = 8;
const LENGTH_OFFSET = 4;
const STDERR = 2;

/**
 * Splits the engine's stream of a process without a terminal into stdout and stderr: each part follows a header of
 * eight bytes (stream, three zeros, length as uint32 BE). Yields data as it arrives, however it is chunked.
 */
export async function* demultiplex(stream: AsyncIterable<Buffer>): AsyncGenerator<ExecOutput, void, undefined> {
  let header = Buffer.alloc(0);
  let missing = 0;
  let from: ExecOutput['from'] = 'stdout';
  for await (const chunk of stream) {
    let rest = chunk;
    while (rest.length > 0) {
      if (missing > 0) {
        const data = rest.subarray(0, missing);
        missing -= data.length;
        rest = rest.subarray(data.length);
        yield { from, data };
        continue;
      }
      const wanted = HEADER_BYTES - header.length;
      header = Buffer.concat([header, rest.subarray(0, wanted)]);
      rest = rest.subarray(wanted);
      if (header.length < HEADER_BYTES) break;
      from = header[0] === STDERR ? 'stderr' : 'stdout';
      missing = header.readUInt32BE(LENGTH_OFFSET);
      header = Buffer.alloc(0);
    }
  }
}
