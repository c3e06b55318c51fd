import { Writable } from 'node:stream';

/** Takes everything and keeps nothing. */
export function nowhere(): Writable {
  return new Writable({
    write(_chunk, _encoding, callback) {
      callback();
    },
  });
}
