import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { OutputMismatch } from '../../../src/lib/task-log/logged-output.js';
import { withFileMethod } from '../../support/file-method.js';
import { until } from '../../support/until.js';
import { TemporaryLog, outputOf, streamOf } from './temporary-log.js';

describe('TaskLog, continued by another worker', () => {
  const files = new TemporaryLog();
  const { open, content, notes } = files;

  /** Leaves a log with `output`, as a worker that died. */
  const leave = async (...output: readonly (string | Buffer)[]): Promise<void> => {
    const log = await open();
    log.write('header\n');
    log.beginOutput();
    await log.copy(streamOf(...output));
    await log.close();
  };

  describe('when it is opened again', () => {
    it('knows the output of the worker before', async () => {
      await leave('ab\n', 'cd');
      const log = await open();
      assert.equal(log.hasOutputBegun, true);
      assert.equal(log.outputBytes, 5);
      assert.equal(await outputOf(log), 'ab\ncd');
      await log.close();
      assert.deepEqual((await readdir(files.directory)).sort(), ['task.log', 'task.log.own']);
    });

    it('has no output before it began', async () => {
      const first = await open();
      first.write('header\n');
      await first.close();
      const log = await open();
      assert.equal(log.hasOutputBegun, false);
      assert.equal(log.outputBytes, 0);
      await log.close();
      assert.deepEqual(await readdir(files.directory), ['task.log']);
    });

    it('begins the output itself if the note of that was lost', async () => {
      const first = await open();
      first.write('header\n');
      await first.close();
      const log = await open();
      assert.deepEqual(await log.resume(streamOf('ab')), { seenBytes: 2, isShort: false });
      await log.close();
      assert.equal(await outputOf(log), 'ab');
    });

    it('completes a line of its own that is not all there', async () => {
      await leave('ab\n');
      await writeFile(files.notesPath, 'begin 7\nown 10 20\n');
      await writeFile(files.path, '[tas', { flag: 'a' });
      const log = await open();
      await log.close();
      assert.equal(await content(), 'header\nab\n[tas\n');
      assert.equal(await notes(), 'begin 7\nown 10 4\nown 14 1\n');
    });

    it('completes such a line after the end of the output', async () => {
      await leave('ab\n');
      await writeFile(files.notesPath, 'begin 7\nend 10\n');
      await writeFile(files.path, '[tas', { flag: 'a' });
      await (await open()).close();
      assert.equal(await content(), 'header\nab\n[tas\n');
      assert.equal(await notes(), 'begin 7\nend 10\n');
    });

    it('refuses notes that are a symlink', async () => {
      await leave('ab\n');
      await rm(files.notesPath);
      await symlink(path.join(files.directory, 'victim'), files.notesPath);
      await assert.rejects(open(), { code: 'ELOOP' });
    });
  });

  describe('resumed', () => {
    it('writes what it lacks, between its own lines', async () => {
      await leave('ab\n', 'cd');
      const log = await open();
      log.write('away\n');
      assert.deepEqual(await log.resume(streamOf('a', 'b\nc', 'd', 'ef\ngh\n')), { seenBytes: 11, isShort: false });
      log.endOutput();
      log.write('footer\n');
      await log.close();
      assert.equal(await content(), 'header\nab\ncdaway\nef\ngh\nfooter\n');
      assert.equal(await outputOf(log), 'ab\ncdef\ngh\n');
    });

    it('waits for output that the engine does not show yet', async () => {
      await leave('ab\ncdef');
      const log = await open();
      const output = new PassThrough();
      const resumed = log.resume(output);
      output.write('ab\n');
      for (let n = 0; n < 5; n += 1) await setImmediate();
      assert.equal(log.outputBytes, 7);
      output.write('cdefgh\n');
      await until('output in the log', () => log.outputBytes === 10);
      output.end('ij\n');
      assert.deepEqual(await resumed, { seenBytes: 13, isShort: false });
      await log.close();
      assert.equal(await content(), 'header\nab\ncdefgh\nij\n');
    });

    it('tells that the engine has less than the log, and can be given the whole later', async () => {
      await leave('ab\ncd');
      const log = await open();
      assert.deepEqual(await log.resume(streamOf('ab\n')), { seenBytes: 3, isShort: true });
      assert.deepEqual(await log.resume(streamOf()), { seenBytes: 0, isShort: true });
      assert.deepEqual(await log.resume(streamOf('ab\ncdef')), { seenBytes: 7, isShort: false });
      assert.deepEqual(await log.resume(streamOf('ab\ncdef')), { seenBytes: 7, isShort: false });
      assert.deepEqual(await log.resume(streamOf('ab\ncdefgh')), { seenBytes: 9, isShort: false });
      await log.close();
      assert.equal(await content(), 'header\nab\ncdefgh');
    });

    it('continues after an end that came too early', async () => {
      await leave('ab\n');
      const first = await open();
      first.endOutput();
      first.write('footer\n');
      await first.close();
      const log = await open();
      await log.resume(streamOf('ab\n'));
      await log.resume(streamOf('ab\ncd\n'));
      log.write('own\n');
      log.endOutput();
      await log.close();
      assert.equal(await content(), 'header\nab\nfooter\ncd\nown\n');
      const again = await open();
      assert.equal(await outputOf(again), 'ab\ncd\n');
      await again.close();
    });

    it('continues what the same worker has copied', async () => {
      const log = await open();
      log.beginOutput();
      await log.copy(streamOf('ab'));
      log.write('own\n');
      await log.resume(streamOf('abcd'));
      await log.close();
      assert.equal(await content(), 'abown\ncd');
    });

    for (const [given, atByte] of [
      [['ab\ncX'], 4],
      [['X'], 0],
      [['ab', '\nc', 'dX'], 5],
      [['ab\ncdeX', 'more'], 6],
    ] as const) {
      it(`writes nothing when the output differs at byte ${atByte}`, async () => {
        await leave('ab\n', 'cdef');
        const log = await open();
        const output = streamOf(...given, 'and more');
        await assert.rejects(log.resume(output), (error) => error instanceof OutputMismatch && error.atByte === atByte);
        assert.equal(output.destroyed, true);
        await log.close();
        assert.equal(await content(), 'header\nab\ncdef');
      });
    }

    it('finds the byte that differs in long output', async () => {
      const bytes = randomBytes(300_000);
      await leave(bytes);
      const other = Buffer.from(bytes);
      other[200_000] = 255 - (other[200_000] ?? 0);
      const log = await open();
      await assert.rejects(log.resume(streamOf(other.subarray(0, 100_000), other.subarray(100_000))), {
        atByte: 200_000,
      });
      await log.resume(streamOf(bytes, bytes));
      await log.close();
      const expected = Buffer.concat([Buffer.from('header\n'), bytes, bytes]);
      assert.ok(expected.equals(await readFile(files.path)));
    });

    it('passes on an error of the output, after what came before it', async () => {
      await leave('ab\n');
      const log = await open();
      const output = new PassThrough();
      const resumed = log.resume(output);
      output.write('ab\ncd\n');
      await until('output in the log', () => log.outputBytes === 6);
      output.destroy(new Error('the engine is gone'));
      await assert.rejects(resumed, /the engine is gone/);
      const broken = new PassThrough();
      broken.destroy(new Error('at once'));
      await assert.rejects(log.resume(broken), /at once/);
      await log.resume(streamOf('ab\ncd\nef\n'));
      await log.close();
      assert.equal(await content(), 'header\nab\ncd\nef\n');
    });

    it('reads output no faster than it is compared and written', async () => {
      const bytes = randomBytes(5_000_000);
      await leave(bytes);
      const log = await open();
      let givenBytes = 0;
      const chunk = 64 * 1024;
      const output = new Readable({
        read() {
          const piece = bytes.subarray(givenBytes, givenBytes + chunk);
          givenBytes += chunk;
          this.push(piece.length > 0 ? piece : null);
        },
      });
      const resumed = log.resume(output);
      await until('some output read', () => givenBytes > 0, { pollMs: 0 });
      assert.ok(givenBytes < bytes.length);
      assert.deepEqual(await resumed, { seenBytes: bytes.length, isShort: false });
      assert.equal(log.outputBytes, bytes.length);
      await log.close();
    });

    it('cuts output at the limit of the whole log', async () => {
      await leave('0123');
      let cuts = 0;
      const log = await open({ maxBytes: 15, onCut: () => (cuts += 1) });
      assert.deepEqual(await log.resume(streamOf('0123456789')), { seenBytes: 10, isShort: false });
      log.line('end');
      await log.close();
      assert.equal(cuts, 1);
      assert.match(await content(), /^header\n01234567\n\[taskcluster:error\] The log has reached its limit/);
      assert.equal(await outputOf(log), '01234567');
    });

    it('stays cut when the worker before cut it, and tells that', async () => {
      const first = await open({ maxBytes: 4 });
      first.beginOutput();
      await first.copy(streamOf('012345'));
      await first.close();
      const before = await content();
      assert.match(await notes(), /^begin 0\ncut 4\n$/);
      let cuts = 0;
      const log = await open({ maxBytes: 1000, onCut: () => (cuts += 1) });
      assert.equal(cuts, 0);
      assert.deepEqual(await log.resume(streamOf('0123456')), { seenBytes: 7, isShort: false });
      assert.deepEqual(await log.resume(streamOf('01234567')), { seenBytes: 8, isShort: false });
      assert.equal(cuts, 1);
      await assert.rejects(log.resume(streamOf('0X')), { atByte: 1 });
      await log.close();
      assert.equal(await content(), before);
    });

    it('stays cut when the worker before could not write it', async () => {
      const first = await open();
      first.beginOutput();
      await first.copy(streamOf('ab\n'));
      const full = (): Promise<never> => Promise.reject(new Error('ENOSPC'));
      await withFileMethod('writev', full, () => first.copy(streamOf('cd\n')));
      first.write('own\n');
      await first.close();
      assert.match(await content(), /^ab\n\n\[taskcluster:error\] The log could not be written \(ENOSPC\).*\nown\n$/);
      let cuts = 0;
      const log = await open({ onCut: () => (cuts += 1) });
      assert.equal(await outputOf(log), 'ab\n');
      assert.deepEqual(await log.resume(streamOf('ab\ncd\n')), { seenBytes: 6, isShort: false });
      assert.equal(cuts, 1);
      await log.close();
    });

    it('drops output once it is closed', async () => {
      await leave('ab\n');
      const log = await open();
      const output = new PassThrough();
      const resumed = log.resume(output);
      const closed = log.close();
      output.end('ab\ncd\n');
      await Promise.all([resumed, closed]);
      assert.equal(await content(), 'header\nab\n');
    });
  });
});
