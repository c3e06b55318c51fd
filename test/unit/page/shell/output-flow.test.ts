import assert from 'node:assert/strict';
import { OutputFlow } from '../../../../src/page/shell/output-flow.js';

const MEBIBYTE = new Uint8Array(1024 * 1024);

/** A flow into a terminal that shows what it has when it is told to. */
function slowTerminal() {
  const written: (Uint8Array | string)[] = [];
  const waiting: (() => void)[] = [];
  const pauses: boolean[] = [];
  const flow = new OutputFlow({
    write: (data, onShown) => {
      written.push(data);
      waiting.push(onShown);
    },
    pause: (isPaused) => {
      pauses.push(isPaused);
      return true;
    },
  });
  const showAll = (): void => {
    for (const onShown of waiting.splice(0)) onShown();
  };
  return { flow, written, pauses, showAll };
}

describe('the output on its way into a terminal', () => {
  it('is asked to wait when it piles up, and to go on', () => {
    const { flow, pauses, showAll } = slowTerminal();
    flow.take(Buffer.from('a little'));
    assert.deepEqual(pauses, []);
    flow.take(MEBIBYTE);
    flow.take(MEBIBYTE);
    assert.deepEqual(pauses, [true]);
    showAll();
    assert.deepEqual(pauses, [true, false]);
  });

  it('is left out when it does not wait, and the terminal says so', () => {
    const { flow, written, showAll } = slowTerminal();
    for (let count = 0; count < 7; count++) flow.take(MEBIBYTE);
    assert.equal(written.length, 4);
    showAll();
    assert.match(String(written.at(-1)), /\[3,145,728 bytes were too fast to be shown\]/);
    flow.take(Buffer.from('on'));
    assert.equal(String(written.at(-1)), 'on');
  });
});
