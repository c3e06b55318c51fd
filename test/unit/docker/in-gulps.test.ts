import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { InGulps } from '../../../src/lib/docker/in-gulps.js';

const LONG = Buffer.alloc(1024 * 1024);
const PIECE = Buffer.from('a piece');
const FULL_READ = Buffer.alloc(64 * 1024);

describe('InGulps', () => {
  let gulps: InGulps;

  beforeEach(() => {
    gulps = new InGulps();
    gulps.resume();
  });
  afterEach(() => {
    mock.timers.reset();
    gulps.destroy();
  });

  /** Whether it has taken `chunk`, and takes more, without a rest. */
  const takesAtOnce = async (chunk: Buffer): Promise<boolean> => {
    gulps.write(chunk);
    await setImmediate();
    return gulps.writableLength === 0;
  };

  it('hands on all that it is given', async () => {
    const pieces = Array.from({ length: 40 }, (_, n) => randomBytes(n % 7 === 0 ? 200_000 : 100));
    const output = new InGulps();
    const [all] = await Promise.all([buffer(output), pipeline(Readable.from(pieces), output)]);
    assert.ok(Buffer.concat(pieces).equals(all));
  });

  it('does not let short output wait', async () => {
    assert.ok(await takesAtOnce(LONG.subarray(PIECE.length)));
    assert.ok(await takesAtOnce(PIECE));
  });

  it('rests after a piece of a long output, which is handed on before that', async () => {
    assert.ok(await takesAtOnce(LONG));
    mock.timers.enable({ apis: ['setTimeout'] });
    const handedOn = once(gulps, 'data');
    assert.equal(await takesAtOnce(PIECE), false);
    assert.deepEqual(await handedOn, [PIECE]);
    const drained = once(gulps, 'drain');
    mock.timers.tick(2);
    await drained;
    assert.equal(gulps.writableLength, 0);
  });

  it('does not rest as long as there is more to read at once', async () => {
    assert.ok(await takesAtOnce(LONG));
    assert.ok(await takesAtOnce(FULL_READ));
    assert.ok(await takesAtOnce(FULL_READ));
  });
});
