import assert from 'node:assert/strict';
import { BackgroundSync } from '../../../src/lib/task-log/background-sync.js';

const MiB = 1024 * 1024;

/** A file on a disk that takes what it is given when it is told to. */
class SlowFile {
  readonly syncs: { readonly done: () => void; readonly failed: (error: Error) => void }[] = [];

  datasync(): Promise<void> {
    return new Promise((done, failed) => this.syncs.push({ done, failed }));
  }
}

describe('WriteBack', () => {
  let file: SlowFile;
  let errors: Error[];
  let writeBack: BackgroundSync;

  beforeEach(() => {
    file = new SlowFile();
    errors = [];
    writeBack = new BackgroundSync(file, (error) => errors.push(error));
  });

  const write = (mib: number): void => {
    for (let n = 0; n < mib; n += 1) writeBack.written(MiB);
  };

  it('leaves short files to the kernel', async () => {
    write(63);
    await writeBack.settled();
    assert.equal(file.syncs.length, 0);
  });

  it('has the disk take a long one piece by piece, never two at a time', async () => {
    write(64);
    assert.equal(file.syncs.length, 1);
    write(200);
    assert.equal(file.syncs.length, 1);
    file.syncs[0]?.done();
    await writeBack.settled();
    write(1);
    assert.equal(file.syncs.length, 2);
    file.syncs[1]?.done();
    await writeBack.settled();
    write(63);
    assert.equal(file.syncs.length, 2);
    write(1);
    assert.equal(file.syncs.length, 3);
    assert.deepEqual(errors, []);
  });

  it('is settled when the disk has taken it', async () => {
    write(64);
    let isSettled = false;
    const settled = writeBack.settled().then(() => (isSettled = true));
    await Promise.resolve();
    assert.equal(isSettled, false);
    file.syncs[0]?.done();
    await settled;
  });

  it('says what the disk could not take, and goes on', async () => {
    write(64);
    file.syncs[0]?.failed(new Error('EIO'));
    await writeBack.settled();
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['EIO'],
    );
    write(64);
    assert.equal(file.syncs.length, 2);
  });
});
