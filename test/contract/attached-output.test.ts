import { strict as assert } from 'node:assert';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { minimalSpec } from '../support/minimal-spec.js';
import { COMMANDS, ENGINES, IMAGE } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `output-contract-${process.pid}` };

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`the output of a container: ${name}`, () => {
    const { signal } = new AbortController();

    it('is complete once a slow consumer has written all of it', async () => {
      const { engine } = makeEngine();
      const { id: imageId } = (await engine.inspectImage(IMAGE, signal)) ?? assert.fail(`${IMAGE} is missing`);
      const steps: string[] = [];
      let text = '';
      const released = new AbortController();
      const sink = new Writable({
        write: (chunk: Buffer, _encoding, callback) => {
          text += chunk.toString();
          if (released.signal.aborted) callback();
          else {
            released.signal.addEventListener('abort', () => {
              callback();
            });
          }
        },
      });
      const created = await engine.createContainer(minimalSpec(imageId, [...COMMANDS.print], { labels: LABELS }));
      try {
        const { drained } = await created.attach(sink, signal);
        await created.start();
        const over = drained.then(() => steps.push('drained'));
        // Long enough for a drain that does not wait for the consumer to be over first.
        await delay(300);
        steps.push('written');
        released.abort();
        await over;
        assert.deepEqual(steps, ['written', 'drained']);
        assert.equal(text, 'hello\r\n');
      } finally {
        await engine.removeContainer(created.id);
      }
    });
  });
}
