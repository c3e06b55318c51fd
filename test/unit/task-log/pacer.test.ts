import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Pacer } from '../../../src/lib/task-log/pacer.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const MiB = 1024 * 1024;

/** A source that passes on writes at once. */
const connection = (): PassThrough => new PassThrough({ highWaterMark: 16 * MiB });

/** Returns all turns of a pacer, to its end. */
async function turnsOf(pacer: Pacer): Promise<readonly (readonly Buffer[])[]> {
  const turns: (readonly Buffer[])[] = [];
  for (;;) {
    const pieces = await pacer.turn();
    if (pieces.length === 0) return turns;
    turns.push(pieces);
  }
}

describe('Pacer', () => {
  it('passes on every byte, of few and of many chunks', async () => {
    const pieces = Array.from({ length: 3000 }, (_, n) => Buffer.from(`${n} `.padEnd(1000, '.')));
    const turns = await turnsOf(new Pacer(Readable.from(pieces)));
    assert.ok(Buffer.concat(turns.flat()).equals(Buffer.concat(pieces)));
    assert.deepEqual(await turnsOf(new Pacer(Readable.from([]))), []);
  });

  it('takes all available chunks in one turn, unjoined', async () => {
    const source = connection();
    const pacer = new Pacer(source);
    for (let n = 0; n < 100; n += 1) source.write('short line\n');
    const turn = await pacer.turn();
    assert.equal(Buffer.concat(turn).toString(), 'short line\n'.repeat(100));
    assert.equal(turn.length, 100);
    source.end();
    assert.deepEqual(await pacer.turn(), []);
  });

  it('pauses between the turns of a long output', async () => {
    const clock = FakeClock.start();
    try {
      const source = connection();
      const pacer = new Pacer(source);
      source.write(Buffer.alloc(2 * MiB));
      await pacer.turn();
      source.write('early');
      const turn = pacer.turn();
      await clock.advance(1);
      assert.equal(source.isPaused(), true);
      source.write(' and late');
      await clock.advance(1);
      assert.equal(Buffer.concat(await turn).toString(), 'early and late');
      source.destroy();
    } finally {
      clock.stop();
    }
  });

  it('does not pause in a short output', async () => {
    const clock = FakeClock.start();
    try {
      const source = connection();
      const pacer = new Pacer(source);
      for (let n = 0; n < 100; n += 1) {
        source.write('short line\n');
        assert.equal((await pacer.turn()).length, 1);
      }
      source.destroy();
    } finally {
      clock.stop();
    }
  });

  it('reads nothing between two turns, and at most about 1 MiB in one', async () => {
    let givenBytes = 0;
    const endless = new Readable({
      highWaterMark: 64 * 1024,
      read() {
        givenBytes += 64 * 1024;
        this.push(Buffer.alloc(64 * 1024));
      },
    });
    const pacer = new Pacer(endless);
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.ok(givenBytes <= 128 * 1024, `${givenBytes} bytes before the first turn`);
    const turn = await pacer.turn();
    assert.equal(Buffer.concat(turn).length, MiB);
    const before = givenBytes;
    for (let n = 0; n < 20; n += 1) await setImmediate();
    assert.ok(givenBytes - before <= 64 * 1024, `${givenBytes - before} bytes after it`);
    endless.destroy();
  });

  it('throws its source’s error after the last chunk, also for a premature close', async () => {
    const broken = connection();
    const pacer = new Pacer(broken);
    broken.once('data', () => broken.destroy(new Error('the line is dead')));
    broken.write('last words');
    assert.equal(Buffer.concat(await pacer.turn()).toString(), 'last words');
    await assert.rejects(pacer.turn(), /the line is dead/);
    const cut = connection();
    const early = assert.rejects(new Pacer(cut).turn(), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
    cut.destroy();
    await early;
  });

  it('throws when its source fails during a pause', async () => {
    const source = connection();
    const pacer = new Pacer(source);
    source.write(Buffer.alloc(2 * MiB));
    await pacer.turn();
    const failed = assert.rejects(pacer.turn(), /the line is dead/);
    source.destroy(new Error('the line is dead'));
    await failed;
  });
});
