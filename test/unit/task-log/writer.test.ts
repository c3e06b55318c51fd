import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { TaskLog } from '../../../src/lib/task-log/writer.js';
import { withFileMethod } from '../../support/file-method.js';

const PREFIX = '[taskcluster 2026-11-23 15:04:05.678Z] ';

interface Write {
  readonly text: string;
  readonly end: () => void;
}

/** Runs `test` with a disk whose writes the test completes. */
async function withWrites(test: (writes: readonly Write[]) => Promise<void>): Promise<void> {
  const writes: Write[] = [];
  const writev = (buffers: readonly Buffer[]): Promise<unknown> =>
    new Promise((resolve) => {
      const content = Buffer.concat(buffers);
      const end = (): void => {
        resolve({ bytesWritten: content.length, buffers });
      };
      writes.push({ text: content.toString(), end });
    });
  await withFileMethod('writev', writev, () => test(writes));
}

describe('TaskLog', () => {
  let dir: string;
  let file: string;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'task-log-'));
    file = path.join(dir, 'live.log');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const open = (options: { maxBytes?: number; onCut?: () => void; path?: string } = {}) =>
    TaskLog.open({ path: file, now: () => new Date('2026-11-23T15:04:05.678Z'), ...options });

  it('writes lines, errors and raw text in the order they came, to one file for this user only', async () => {
    const log = await open();
    log.line('first');
    log.write('\r\n');
    log.error('second');
    await log.close();
    assert.equal(await readFile(file, 'utf8'), `${PREFIX}first\n\r\n\n[taskcluster:error] second\n`);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir), ['live.log']);
    assert.equal(log.failure, undefined);
  });

  it('copies the output of successive containers byte for byte, between its own lines', async () => {
    const bytes = randomBytes(300_000);
    const log = await open();
    log.line('start');
    await log.copy(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]));
    await log.copy(Readable.from([bytes]));
    log.line('end');
    await log.close();
    const expected = Buffer.concat([Buffer.from(`${PREFIX}start\n`), bytes, bytes, Buffer.from(`${PREFIX}end\n`)]);
    assert.ok(expected.equals(await readFile(file)));
    assert.equal(log.size, expected.length);
  });

  it('loses nothing of a long log in small chunks', async () => {
    const log = await open();
    const output = new PassThrough();
    const copied = log.copy(output);
    const pieces = [randomBytes(1024 * 1024 + 1)];
    output.write(pieces[0]);
    for (let n = 0; n < 2000; n += 1) {
      const piece = randomBytes(100);
      pieces.push(piece);
      output.write(piece);
      if (n === 1000) log.line('between');
      if (n % 50 === 0) await setImmediate();
    }
    output.end();
    await copied;
    log.line('last');
    await log.close();
    const content = await readFile(file, 'latin1');
    assert.ok(content.endsWith(`${PREFIX}last\n`));
    const printed = content.replace(`${PREFIX}between\n`, '').replace(`${PREFIX}last\n`, '');
    assert.ok(Buffer.concat(pieces).equals(Buffer.from(printed, 'latin1')));
  });

  it('writes data that arrives during a write as one batch, in order', () =>
    withWrites(async (writes) => {
      const log = await open();
      const output = new PassThrough();
      const copied = log.copy(output);
      output.write('first');
      while (writes.length === 0) await setImmediate();
      for (const text of ['one ', 'two ', 'three']) log.write(text);
      for (let n = 0; n < 5; n += 1) await setImmediate();
      writes[0]?.end();
      while (writes.length === 1) await setImmediate();
      writes[1]?.end();
      output.end();
      await copied;
      await log.close();
      assert.deepEqual(
        writes.map(({ text }) => text),
        ['first', 'one two three'],
      );
    }));

  it('reads output no faster than the disk writes', () =>
    withWrites(async (writes) => {
      const log = await open();
      let givenBytes = 0;
      const endless = new Readable({
        read() {
          givenBytes += 64 * 1024;
          this.push(Buffer.alloc(64 * 1024));
        },
      });
      const copied = log.copy(endless);
      while (writes.length === 0) await setImmediate();
      const before = givenBytes;
      for (let n = 0; n < 50; n += 1) await setImmediate();
      assert.equal(givenBytes, before);
      endless.destroy();
      writes[0]?.end();
      await assert.rejects(copied, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
      await log.close();
    }));

  it('writes more small chunks than the system accepts in one call', async () => {
    const log = await open();
    for (let i = 0; i < 5000; i++) log.write(`${i}\n`);
    await log.close();
    assert.equal((await readFile(file, 'utf8')).split('\n').length, 5001);
  });

  it('can be closed twice and drops what comes later', async () => {
    const log = await open();
    log.write('kept');
    const output = new PassThrough();
    const copied = log.copy(output);
    const closed = log.close();
    log.line('late');
    await closed;
    output.end('later');
    await copied;
    await log.close();
    assert.equal(log.isClosed, true);
    assert.equal(await readFile(file, 'utf8'), 'kept');
  });

  it('cuts output at its limit, logs that once, and still accepts lines', async () => {
    let truncated = 0;
    const log = await open({ maxBytes: 10, onCut: () => truncated++ });
    const output = new PassThrough();
    const copied = log.copy(output);
    for (const part of ['01234567', '89abcdef', 'more', 'and more']) {
      output.write(part);
      await setImmediate();
    }
    output.end();
    await copied;
    log.line('end');
    await log.close();
    const content = await readFile(file, 'utf8');
    const notice = 'The log has reached its limit of 10 bytes; further output of the task is not logged.';
    assert.equal(content, `0123456789\n[taskcluster:error] ${notice}\n${PREFIX}end\n`);
    assert.equal(truncated, 1);
  });

  it('does not cut output that fits exactly', async () => {
    const log = await open({ maxBytes: 4, onCut: () => assert.fail('nothing was cut') });
    await log.copy(Readable.from([Buffer.from('1234')]));
    await log.close();
    assert.equal(await readFile(file, 'utf8'), '1234');
  });

  it('continues an existing file, as after a crash', async () => {
    const first = await open();
    first.write('before ');
    await first.close();
    const second = await open();
    second.write('after');
    await second.close();
    assert.equal(await readFile(file, 'utf8'), 'before after');
    assert.equal(second.size, 12);
  });

  it('refuses to write through a symlink', async () => {
    await symlink(path.join(dir, 'victim'), file);
    await assert.rejects(open(), { code: 'ELOOP' });
  });

  describe('of more than 64 MiB', () => {
    interface Sync {
      readonly resolve: () => void;
      readonly reject: (error: Error) => void;
    }

    /** Runs `test` with a disk whose flushes the test completes. */
    const withSyncs = async (test: (syncs: readonly Sync[]) => Promise<void>): Promise<void> => {
      const syncs: Sync[] = [];
      const datasync = (): Promise<void> =>
        new Promise((resolve, reject) => {
          syncs.push({ resolve, reject });
        });
      await withFileMethod('datasync', datasync, () => test(syncs));
    };

    const write = (log: TaskLog, mib: number): Promise<void> =>
      log.copy(Readable.from(Array<Buffer>(mib).fill(Buffer.alloc(1024 * 1024))));

    it('is flushed repeatedly while it is written, one flush at a time', () =>
      withSyncs(async (syncs) => {
        const log = await open();
        await write(log, 63);
        assert.equal(syncs.length, 0);
        await write(log, 1);
        assert.equal(syncs.length, 1);
        await write(log, 66);
        assert.equal(syncs.length, 1);
        syncs[0]?.resolve();
        await setImmediate();
        await write(log, 1);
        assert.equal(syncs.length, 2);
        syncs[1]?.resolve();
        await log.close();
        assert.equal(log.failure, undefined);
      }));

    it('is closed after the flush', () =>
      withSyncs(async (syncs) => {
        const log = await open();
        await write(log, 64);
        const closed = log.close();
        for (let n = 0; n < 5; n += 1) await setImmediate();
        assert.equal(log.isClosed, false);
        syncs[0]?.resolve();
        await closed;
        assert.equal(log.isClosed, true);
      }));

    it('is cut when a flush fails', () =>
      withSyncs(async (syncs) => {
        let cuts = 0;
        const log = await open({ onCut: () => (cuts += 1) });
        await write(log, 64);
        assert.deepEqual([log.failure, cuts], [undefined, 0]);
        syncs[0]?.reject(new Error('EIO'));
        await setImmediate();
        await write(log, 1);
        log.line('end');
        await log.close();
        assert.deepEqual([log.failure?.message, cuts], ['EIO', 1]);
        const notice = 'The log could not be written (EIO); output of the task is missing from here on.';
        const end = `\n[taskcluster:error] ${notice}\n${PREFIX}end\n`;
        assert.equal(await text(log.read(64 * 1024 * 1024)), end);
      }));
  });

  it('survives a full disk: keeps the failure, and the container continues', async () => {
    const log = await open({ path: '/dev/full' });
    log.line('lost');
    const reader = text(log.read(0, { end: 0 }));
    await log.copy(Readable.from([randomBytes(3_000_000)]));
    log.line('lost too');
    await log.close();
    assert.equal((log.failure as NodeJS.ErrnoException | undefined)?.code, 'ENOSPC');
    assert.equal(log.size, 0);
    assert.equal(await reader, '');
  });
});
