import assert from 'node:assert/strict';
import { DirectoryReport } from '../../../../src/lib/features/artifacts/directory-report.js';
import { MemoryOutput } from '../../../fakes/memory-output.js';

const failed = (): Error => Object.assign(new Error('EIO: i/o error, open'), { code: 'EIO' });

describe('files of a volume that the disk does not give', () => {
  const report = (): { readonly output: MemoryOutput; readonly directory: DirectoryReport } => {
    const output = new MemoryOutput();
    return { output, directory: new DirectoryReport({ name: 'public/v', output, maxFileBytes: 1000 }) };
  };

  it('have one line each with the reason, and are not the task’s fault', () => {
    const { output, directory } = report();
    const error = failed();
    directory.unreadable('a\nb', error);
    assert.deepEqual(output.errors, ['Artifact "public/v": "a\\nb" could not be read: EIO: i/o error, open']);
    assert.deepEqual(directory.problems, [error]);
  });

  it('are counted when there are many', () => {
    const { output, directory } = report();
    for (let file = 0; file < 50; file++) directory.unreadable(`${file}`, failed());
    directory.summarize('/v');
    assert.equal(output.errors.length, 21);
    assert.equal(output.errors.at(-1), 'Artifact "public/v": 30 more could not be read');
    assert.equal(directory.problems.length, 50);
  });
});
