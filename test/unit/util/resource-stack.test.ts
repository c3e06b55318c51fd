import { strict as assert } from 'node:assert';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';

describe('a resource stack', () => {
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

  it('releases the newest first, each before the next', async () => {
    hold('one');
    stack.defer('two', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      released.push('two');
    });
    hold('three');
    await stack.close();
    assert.deepEqual(released, ['three', 'two', 'one']);
  });

  it('releases all, whatever fails, and says what did', async () => {
    hold('one');
    stack.defer('throws', () => {
      throw new Error('no');
    });
    stack.defer('rejects', () => Promise.reject(new Error('never')));
    await stack.close();
    assert.deepEqual(released, ['one']);
    assert.deepEqual(failures, ['rejects: never', 'throws: no']);
  });

  it('releases once', async () => {
    hold('one');
    await Promise.all([stack.close(), stack.close()]);
    await stack.close();
    assert.deepEqual(released, ['one']);
  });

  it('releases at once what comes after it was closed', async () => {
    await stack.close();
    hold('late');
    assert.deepEqual(released, ['late']);
    stack.defer('bad', () => Promise.reject(new Error('no')));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(failures, ['bad: no']);
  });

  it('releases what comes while it closes', async () => {
    stack.defer('first', () => {
      hold('during');
    });
    await stack.close();
    assert.deepEqual(released, ['during']);
  });

  it('returns what it disposes of', async () => {
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
