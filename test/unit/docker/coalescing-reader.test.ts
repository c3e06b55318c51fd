import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { CoalescingReader } from '../../../src/lib/docker/coalescing-reader.js';

const MiB = 1024 * 1024;

/** A source that gives whatever is written to it on at once, and how often it was paused. */
function connection() {
  const source = new PassThrough({ highWaterMark: 16 * MiB });
  let pauses = 0;
  source.on('pause', () => (pauses += 1));
  return { source, pauses: () => pauses };
}

describe('Gulps', () => {
  it('gives every byte on, of few and of many pieces', async () => {
    const pieces = Array.from({ length: 3000 }, (_, n) => `${n} `.padEnd(1000, '.'));
    assert.equal(
      await text(new CoalescingReader(Readable.from(pieces.map((piece) => Buffer.from(piece))))),
      pieces.join(''),
    );
    assert.equal(await text(new CoalescingReader(Readable.from([]))), '');
  });

  it('takes what is there in one turn and then leaves the connection alone for a moment, in a long output', async () => {
    const { source, pauses } = connection();
    const got: Buffer[] = [];
    const gulps = new CoalescingReader(source).on('data', (piece: Buffer) => got.push(piece));
    source.write(Buffer.alloc(2 * MiB));
    await once(gulps, 'data');
    await once(source, 'pause');
    const before = pauses();
    for (let n = 0; n < 100; n += 1) source.write('short line\n');
    assert.equal(got.length, 1, 'read while it rested');
    await once(source, 'pause');
    assert.equal(got.length, 101);
    assert.equal(pauses(), before + 1, 'rested between the lines');
    gulps.destroy();
  });

  it('never rests in a short output', async () => {
    const { source, pauses } = connection();
    const gulps = new CoalescingReader(source);
    const before = pauses();
    gulps.resume();
    for (let n = 0; n < 100; n += 1) {
      source.write('short line\n');
      await setImmediate();
    }
    assert.equal(pauses(), before);
    gulps.destroy();
  });

  it('reads no further ahead than it says of one who does not take it', async () => {
    let given = 0;
    const endless = new Readable({
      read() {
        given += 1;
        this.push(Buffer.alloc(64 * 1024));
      },
    });
    const gulps = new CoalescingReader(endless);
    gulps.read(0);
    await once(endless, 'pause');
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.ok(given * 64 * 1024 <= MiB, `${given} pieces`);
    gulps.destroy();
  });

  it('fails as its source does, also when that only breaks off', async () => {
    const broken = connection().source;
    const failed = assert.rejects(text(new CoalescingReader(broken)), /the line is dead/);
    broken.destroy(new Error('the line is dead'));
    await failed;
    const cut = connection().source;
    const early = assert.rejects(text(new CoalescingReader(cut)), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
    cut.destroy();
    await early;
  });

  it('destroys its source, also while it rests', async () => {
    const { source } = connection();
    const gulps = new CoalescingReader(source).on('data', () => undefined);
    source.write(Buffer.alloc(2 * MiB));
    await once(source, 'pause');
    gulps.destroy();
    await once(source, 'close');
    assert.ok(source.destroyed);
  });
});
