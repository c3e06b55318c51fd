import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, stat } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { withFileMethod } from '../../support/file-method.js';
import { TemporaryLog, outputOf, streamOf } from './temporary-log.js';

const PREFIX = '[taskcluster 2026-11-23 15:04:05.678Z] ';
describe('TaskLog with own lines in the output', () => {
  const files = new TemporaryLog();
  const { open, content, notes } = files;

  it('notes where output begins, its own lines in it, and where it ends', async () => {
    const log = await open();
    log.write('header\n');
    log.beginOutput();
    await log.copy(streamOf('ab\ncd'));
    log.write('own\n');
    log.error('no');
    await log.copy(streamOf('ef\n'));
    log.endOutput();
    log.write('footer\n');
    assert.equal(log.outputBytes, 8);
    await log.close();
    assert.equal(await notes(), 'begin 7\nown 12 4\nown 16 24\nend 43\n');
    assert.equal((await stat(files.notesPath)).mode & 0o777, 0o600);
    assert.equal(await outputOf(log), 'ab\ncdef\n');
  });

  it('finds the line that follows the end of the output, whatever is before it', async () => {
    const log = await open();
    log.write('header\n'.repeat(1000));
    log.beginOutput();
    log.write('own\n'.repeat(2000));
    assert.equal(await log.isAfterOutput('THE END'), false);
    log.endOutput();
    log.line('THE END');
    assert.equal(await log.isAfterOutput('THE END'), true);
    await log.close();
    const next = await open();
    assert.deepEqual([next.isInOutput, await next.isAfterOutput('THE END')], [false, true]);
    await next.close();
  });

  it('stays in the output until that ends, also when the log is full', async () => {
    const log = await open({ maxBytes: 4 });
    assert.equal(log.isInOutput, false);
    log.beginOutput();
    await log.copy(streamOf('abcdef'));
    assert.equal(log.isInOutput, true);
    log.endOutput();
    assert.equal(log.isInOutput, false);
    await log.close();
    const next = await open();
    assert.equal(next.isInOutput, false);
    await next.close();
  });

  it('writes nothing but the beginning for output without lines of its own', async () => {
    const log = await open();
    log.write('header\n');
    log.beginOutput();
    await log.copy(Readable.from(Array<Buffer>(100).fill(Buffer.alloc(10_000))));
    await log.close();
    assert.equal(await notes(), 'begin 7\n');
  });

  it('has a line on record before any byte of it is in the log', async () => {
    const records: { readonly position: number; readonly text: string; readonly notes: string }[] = [];
    const method = function (this: FileHandle, buffers: readonly Buffer[], writev: FileHandle['writev']) {
      const text = Buffer.concat(buffers).toString();
      records.push({ position: readFileSync(files.path).length, text, notes: readFileSync(files.notesPath, 'utf8') });
      return writev.call(this, buffers);
    };
    await withFileMethod('writev', method, async () => {
      const log = await open();
      log.beginOutput();
      const output = new PassThrough();
      const copied = log.copy(output);
      for (let n = 0; n < 50; n += 1) {
        output.write(`${n}\n`);
        if (n % 3 === 0) await setImmediate();
        if (n % 4 === 0) log.write('own\n');
      }
      output.end();
      await copied;
      await log.close();
    });
    let lines = 0;
    for (const { position, text, notes } of records) {
      for (const { index: at } of text.matchAll(/own\n/g)) {
        lines += 1;
        assert.ok(notes.includes(`own ${position + at} 4\n`), `no entry for byte ${position + at}`);
      }
    }
    assert.equal(lines, 13);
  });

  it('stops at a file for its notes that cannot be written, as at a full disk', async () => {
    let cuts = 0;
    const log = await open({ onCut: () => (cuts += 1) });
    await mkdir(files.notesPath);
    log.beginOutput();
    await log.copy(streamOf('lost'));
    log.line('end');
    await log.close();
    assert.equal((log.failure as NodeJS.ErrnoException | undefined)?.code, 'EISDIR');
    assert.equal(cuts, 1);
    assert.match(await content(), /The log could not be written \(EISDIR.*\n\[taskcluster [^\n]*\] end\n$/);
  });

  describe('with a line for the next line break', () => {
    it('writes it at once where a line of output begins', async () => {
      const log = await open();
      log.lineAtBreak('before output');
      log.beginOutput();
      log.lineAtBreak('first');
      await log.copy(streamOf('ab\n'));
      log.lineAtBreak('second');
      await log.copy(streamOf('cd\n'));
      await log.close();
      assert.equal(await content(), `${PREFIX}before output\n${PREFIX}first\nab\n${PREFIX}second\ncd\n`);
      assert.equal(await outputOf(log), 'ab\ncd\n');
    });

    it('waits for the rest of a line of output', async () => {
      const log = await open();
      log.beginOutput();
      await log.copy(streamOf('ab'));
      log.lineAtBreak('first');
      log.lineAtBreak('second');
      await log.copy(streamOf('cd', 'ef\ngh', '\n'));
      await log.close();
      assert.equal(await content(), `abcdef\n${PREFIX}first\n${PREFIX}second\ngh\n`);
      assert.equal(await outputOf(log), 'abcdef\ngh\n');
    });

    it('knows how the output of the worker before ended', async () => {
      const first = await open();
      first.write('header\n');
      first.beginOutput();
      await first.copy(streamOf('ab\ncd'));
      first.write('own\n');
      await first.close();
      const log = await open();
      log.lineAtBreak('away');
      await log.resume(streamOf('ab\ncd', 'ef\n'));
      log.lineAtBreak('again');
      await log.close();
      assert.equal(await content(), `header\nab\ncdown\nef\n${PREFIX}away\n${PREFIX}again\n`);
    });

    it('writes it on a line of its own when the output ends without a line break', async () => {
      const log = await open();
      log.beginOutput();
      await log.copy(streamOf('ab'));
      log.lineAtBreak('first');
      log.endOutput();
      log.lineAtBreak('second');
      await log.close();
      assert.equal(await content(), `ab\n${PREFIX}first\n${PREFIX}second\n`);
      assert.equal(await outputOf(log), 'ab');
    });

    it('writes it when it is closed', async () => {
      const log = await open();
      log.beginOutput();
      await log.copy(streamOf('ab'));
      log.lineAtBreak('first');
      await log.close();
      await log.close();
      assert.equal(await content(), `ab\n${PREFIX}first\n`);
      assert.equal(await outputOf(log), 'ab');
    });

    it('writes it after the output that fits into the log', async () => {
      const log = await open({ maxBytes: 4 });
      log.beginOutput();
      await log.copy(streamOf('ab'));
      log.lineAtBreak('first');
      await log.copy(streamOf('cdef\ngh'));
      await log.close();
      assert.match(
        await content(),
        /^abcd\n\[taskcluster:error\] The log has reached .*\n\[taskcluster [^\n]*\] first\n$/,
      );
      assert.equal(await outputOf(log), 'abcd');
    });
  });
});
