import assert from 'node:assert/strict';
import { isDisplayName, parseDisplays } from '../../../../src/lib/features/interactive/display-list.js';

describe('the list of displays', () => {
  it('has a line for each', () => {
    assert.deepEqual(parseDisplays(''), []);
    assert.deepEqual(parseDisplays(':0.0\t1024x768\n:99.1\t640x480'), [
      { display: ':0.0', width: 1024, height: 768 },
      { display: ':99.1', width: 640, height: 480 },
    ]);
  });

  it('has nothing else', () => {
    for (const line of ['x', ':0\t1x', ':0 1x1', ':0\t1x1\t', ':0\t-1x1', ':0\t100000x1', 'host:0\t1x1', '\t1x1']) {
      assert.throws(() => parseDisplays(`:1\t1x1\n${line}\n`), /list-displays printed ".*", which is no display/, line);
    }
    assert.throws(
      () => parseDisplays('x'.repeat(5000)),
      ({ message }: Error) => message.length < 200,
    );
  });

  it('names displays of the container alone', () => {
    for (const name of [':0', ':0.0', ':99.1']) assert.ok(isDisplayName(name), name);
    for (const name of [
      '',
      '0',
      ':',
      ':0.',
      ':0\n',
      'other:0',
      'WAIT:cmd=x',
      'WAIT:0',
      '-inetd',
      ':0 :1',
      ':1234567',
    ]) {
      assert.ok(!isDisplayName(name), name);
    }
  });
});
