import assert from 'node:assert/strict';
import { fitting, padded, printable, widthOf } from '../../../../src/local-ci/graph/printable.js';
import { TaskNames } from '../../../../src/local-ci/graph/task-names.js';

describe('the names of tasks', () => {
  let names: TaskNames;
  beforeEach(() => {
    names = new TaskNames();
  });
  const fileOf = (ownName: string, taskId = ownName): string => names.of(taskId, ownName).file;

  it('stay the same for the same task', () => {
    assert.equal(names.of('a', 'build'), names.of('a', 'build'));
    assert.equal(names.find('a').shown, 'build');
    assert.equal(names.find('unknown').shown, 'unknown');
  });

  it('are safe as file names', () => {
    assert.equal(fileOf('test-linux/opt (chunk 1)'), 'test-linux-opt-chunk-1');
    assert.equal(fileOf('../../etc/passwd'), 'etc-passwd');
    assert.equal(fileOf('.hidden'), 'hidden');
    assert.equal(fileOf('a\u0000b\nc'), 'a-b-c');
    assert.equal(fileOf('..', 'taskId1'), 'taskId1');
    assert.equal(fileOf('', 'taskId2'), 'taskId2');
    assert.equal(fileOf('ä', 'taskId3'), 'taskId3');
    assert.equal(fileOf('x'.repeat(300)).length, 80);
  });

  it('are unique as file names, whatever case and endings the authors choose', () => {
    const files = ['Build', 'build', 'build-2', 'BUILD', 'build'].map((name, i) => fileOf(name, `id${i}`));
    assert.equal(new Set(files.map((file) => file.toLowerCase())).size, 5, files.join());
    assert.equal(files[0], 'Build');
  });

  it('are found quickly for thousands of the same', () => {
    for (let i = 0; i < 20_000; i++) fileOf('same', `id${i}`);
    assert.equal(names.find('id19999').file, 'same-20000');
  });

  it('are shown as one line without control characters, and without secrets', () => {
    const masked = new TaskNames((text) => text.replace('hunter2', '***'));
    const shown = masked.of('a', ' a\u001b[31m\nb\u202e hunter2 ').shown;
    assert.equal(shown, 'a?[31m?b? ***');
    assert.equal(masked.of('b', '  ').shown, 'b');
    assert.equal(masked.of('c', 'x'.repeat(100)).shown, `${'x'.repeat(59)}…`);
  });
});

describe('printable text', () => {
  it('takes as many columns as a terminal uses for it', () => {
    assert.equal(widthOf('abc'), 3);
    assert.equal(widthOf('日本'), 4);
    assert.equal(widthOf('e\u0301'), 1);
    assert.equal(fitting('日本語', 5), '日本');
    assert.equal(fitting('abc', 5), 'abc');
    assert.equal(padded('日', 4), '日  ');
  });

  it('is cut without half a character', () => {
    assert.equal(printable('😀😀', 3), '😀…');
  });
});
