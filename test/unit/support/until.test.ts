import assert from 'node:assert/strict';
import { until } from '../../support/until.js';

describe('until', () => {
  it('returns the first truthy value', async () => {
    const values = [0, '', 'found', 'later'];
    assert.equal(await until('a word', () => values.shift(), { pollMs: 0 }), 'found');
    assert.deepEqual(values, ['later']);
  });

  it('returns the first value that isDone accepts', async () => {
    let count = 0;
    const value = await until('three', () => Promise.resolve(++count), { isDone: (n) => n === 3, pollMs: 1 });
    assert.equal(value, 3);
  });

  it('fails after timeoutMs with what was awaited and the last value', async () => {
    const look = (): object => ({ containers: ['left'] });
    await assert.rejects(
      until('no containers', look, { isDone: () => false, timeoutMs: 5 }),
      /^Error: not within 5 ms: no containers; last value: \{ containers: \[ 'left' \] \}$/,
    );
  });

  it('passes on what look throws, without another look', async () => {
    let looks = 0;
    const look = (): never => {
      looks += 1;
      throw new TypeError('broken');
    };
    await assert.rejects(until('anything', look), /^TypeError: broken$/);
    assert.equal(looks, 1);
  });
});
