import { strict as assert } from 'node:assert';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { minimalSpec } from '../support/minimal-spec.js';
import { COMMANDS, ENGINES, IMAGE } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `output-contract-${process.pid}` };

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`the output of a container: ${name}`, () => {
    const { signal } = new AbortController();

    it('is drained once a slow consumer has read all of it', async () => {
      const { engine } = makeEngine();
      const { id: imageId } = (await engine.inspectImage(IMAGE, signal)) ?? assert.fail(`${IMAGE} is missing`);
      const steps: string[] = [];
      let output = '';
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const created = await engine.createContainer(minimalSpec(imageId, [...COMMANDS.print], { labels: LABELS }));
      try {
        const { drained } = await created.attach(async (printed) => {
          output = await text(printed);
          await released;
        }, signal);
        await created.start();
        const over = drained.then(() => steps.push('drained'));
        // Long enough for `drained` to settle first if it did not wait for the consumer.
        await delay(300);
        steps.push('written');
        release();
        await over;
        assert.deepEqual(steps, ['written', 'drained']);
        assert.equal(output, 'hello\r\n');
      } finally {
        await engine.removeContainer(created.id);
      }
    });
  });
}
