import { strict as assert } from 'node:assert';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';

describe('ResourceStack', () => {
  let released: string[];
  let failures: string[];
  let stack: ResourceStack;

  beforeEach(() => {
    released = [];
    failures = [];
    stack = new ResourceStack((name, error) => failures.push(`${name}: ${(error as Error).message}`));
  });

  const hold = (name: string): void => {
    stack.defer(name, () => {
      released.push(name);
    });
  };

  it('releases the newest first and waits for each', async () => {
    hold('one');
    stack.defer('two', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      released.push('two');
    });
    hold('three');
    await stack.close();
    assert.deepEqual(released, ['three', 'two', 'one']);
  });

  it('releases all when some fail, and reports the failures', async () => {
    hold('one');
    stack.defer('throws', () => {
      throw new Error('no');
    });
    stack.defer('rejects', () => Promise.reject(new Error('never')));
    await stack.close();
    assert.deepEqual(released, ['one']);
    assert.deepEqual(failures, ['rejects: never', 'throws: no']);
  });

  it('releases once when it is closed twice', async () => {
    hold('one');
    await Promise.all([stack.close(), stack.close()]);
    await stack.close();
    assert.deepEqual(released, ['one']);
  });

  it('releases at once what is added after it was closed', async () => {
    await stack.close();
    hold('late');
    assert.deepEqual(released, ['late']);
    stack.defer('bad', () => Promise.reject(new Error('no')));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(failures, ['bad: no']);
  });

  it('releases what is added while it closes', async () => {
    stack.defer('first', () => {
      hold('during');
    });
    await stack.close();
    assert.deepEqual(released, ['during']);
  });

  it('returns what is added', async () => {
    const resource = {
      dispose: () => {
        released.push('disposed');
      },
    };
    assert.equal(stack.use('resource', resource), resource);
    await stack.close();
    assert.deepEqual(released, ['disposed']);
  });
});
