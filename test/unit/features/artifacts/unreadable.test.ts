import assert from 'node:assert/strict';
import { DirectoryReport } from '../../../../src/lib/features/artifacts/directory-report.js';
import { TaskError } from '../../../../src/lib/outcome/errors.js';
import { MemoryOutput } from '../../../fakes/memory-output.js';

const denied = (): Error => Object.assign(new Error('EACCES: permission denied, open /x'), { code: 'EACCES' });

describe('files of a volume that the worker may not read', () => {
  const report = (): { readonly output: MemoryOutput; readonly directory: DirectoryReport } => {
    const output = new MemoryOutput();
    return { output, directory: new DirectoryReport({ name: 'public/v', output, maxFileBytes: 1000 }) };
  };

  it('have one line each with the reason and what to do, and fail the task', () => {
    const { output, directory } = report();
    directory.unreadable('a\nb', denied());
    assert.deepEqual(output.errors, [
      'Artifact "public/v": "a\\nb" could not be read: the worker does not run as root and may not read it (EACCES). Let the task make it readable: chmod a+rX',
    ]);
    assert.ok(directory.problems[0] instanceof TaskError);
  });

  it('are counted when there are many', () => {
    const { output, directory } = report();
    for (let file = 0; file < 50; file++) directory.unreadable(`${file}`, denied());
    directory.summarize('/v');
    assert.equal(output.errors.length, 21);
    assert.equal(output.errors.at(-1), 'Artifact "public/v": 30 more could not be read');
    assert.equal(directory.problems.length, 50);
  });

  it('are not the task’s fault after other errors', () => {
    const { output, directory } = report();
    const error = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    directory.unreadable('a', error);
    assert.deepEqual(output.errors, ['Artifact "public/v": "a" could not be read: EIO: i/o error']);
    assert.deepEqual(directory.problems, [error]);
  });
});
