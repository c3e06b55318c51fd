import assert from 'node:assert/strict';
import { demultiplex } from '../../../src/lib/docker/exec-output.js';
import { chunked } from '../../fakes/fake-containers.js';

/** A part of the engine's stream: 1 is stdout, 2 is stderr. */
function part(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe('the output of a process without a terminal', () => {
  const whole = Buffer.concat([part(1, 'out'), part(2, ''), part(2, 'error'), part(1, 'x'.repeat(300))]);

  for (const size of [1, 3, 8, 11, 1000]) {
    it(`is split when it arrives ${size} bytes at a time`, async () => {
      const printed = { stdout: '', stderr: '' };
      for await (const { from, data } of demultiplex(chunked(whole, size) as AsyncIterable<Buffer>)) {
        printed[from] += data.toString();
      }
      assert.deepEqual(printed, { stdout: `out${'x'.repeat(300)}`, stderr: 'error' });
    });
  }
});
