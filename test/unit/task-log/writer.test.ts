import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { mkdtemp, open as openFile, readFile, readdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { TaskLog } from '../../../src/lib/task-log/writer.js';

const PREFIX = '[taskcluster 2026-11-23 15:04:05.678Z] ';

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

  /** How often this process has the log open. */
  const openFiles = async (): Promise<number> => {
    const targets = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
    return (await Promise.all(targets)).filter((target) => target === file).length;
  };

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

  it('takes container output byte for byte, from one sink after another, between its own lines', async () => {
    const bytes = randomBytes(300_000);
    const log = await open();
    log.line('start');
    await pipeline(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), log.sink());
    await pipeline(Readable.from([bytes]), log.sink());
    log.line('end');
    await log.close();
    const expected = Buffer.concat([Buffer.from(`${PREFIX}start\n`), bytes, bytes, Buffer.from(`${PREFIX}end\n`)]);
    assert.ok(expected.equals(await readFile(file)));
    assert.equal(log.size, expected.length);
  });

  it('writes a long log in batches, and leaves nothing behind', async () => {
    const log = await open();
    const sink = log.sink();
    const start = randomBytes(1024 * 1024 + 1);
    await new Promise((written) => sink.write(start, written));
    let writes = 0;
    const count = (): void => {
      writes += 1;
      log.onceChanged(count);
    };
    log.onceChanged(count);
    const startedAtMs = performance.now();
    const pieces: Buffer[] = [];
    for (let n = 0; n < 2000; n += 1) {
      const piece = randomBytes(100);
      pieces.push(piece);
      sink.write(piece);
      await setImmediate();
    }
    // However slow the machine is: timers may be early by a millisecond or two, but not by more.
    const mostWrites = (performance.now() - startedAtMs) / 2 + 2;
    assert.ok(writes <= mostWrites, `${writes} writes, at most ${mostWrites}`);
    sink.end();
    log.line('last');
    await once(sink, 'finish');
    await log.close();
    // The line came between the last pieces.
    const content = (await readFile(file, 'latin1')).replace(`${PREFIX}last\n`, '');
    assert.ok(Buffer.concat([start, ...pieces]).equals(Buffer.from(content, 'latin1')));
  });

  it('makes the container wait for the disk', async () => {
    const log = await open();
    const sink = log.sink();
    const chunk = Buffer.alloc(600_000);
    assert.equal(sink.write(chunk), true);
    assert.equal(sink.write(chunk), false);
    await once(sink, 'drain');
    assert.equal(log.size, 1_200_000);
    await log.close();
  });

  it('writes more small pieces than the system takes in one call', async () => {
    const log = await open();
    for (let i = 0; i < 5000; i++) log.write(`${i}\n`);
    await log.close();
    assert.equal((await readFile(file, 'utf8')).split('\n').length, 5001);
  });

  it('gives readers all of it, whenever they come', async () => {
    const log = await open();
    const early = text(log.read(0));
    log.line('one');
    const sink = log.sink();
    sink.end('two\n');
    await once(sink, 'finish');
    const late = text(log.read(0));
    log.line('three');
    await log.close();
    const whole = `${PREFIX}one\ntwo\n${PREFIX}three\n`;
    assert.deepEqual([await early, await late, await text(log.read(0))], [whole, whole, whole]);
  });

  it('begins and ends where a reader wants it', async () => {
    const log = await open();
    log.write('0123456789');
    const ended = text(log.read(2, { end: 5 }));
    const followed = text(log.read(8));
    assert.equal(await ended, '234');
    log.write('ab');
    await log.close();
    assert.equal(await followed, '89ab');
    assert.equal(await text(log.read(3, { end: 100 })), '3456789ab');
    assert.equal(await text(log.read(100)), '');
  });

  it('does not wait for a reader that reads nothing, nor mind one that leaves', async () => {
    const log = await open();
    const slow = log.read(0);
    const gone = log.read(0);
    gone.destroy();
    const bytes = randomBytes(4_000_000);
    await pipeline(Readable.from([bytes]), log.sink());
    await log.close();
    assert.ok(slow.readableLength <= 128 * 1024);
    assert.ok(bytes.equals(await buffer(slow)));
  });

  it('closes the files of readers that leave while they wait', async () => {
    const log = await open();
    log.write('x');
    const reader = log.read(0);
    await once(reader, 'data');
    assert.equal(await openFiles(), 2);
    reader.destroy();
    await once(reader, 'close');
    assert.equal(await openFiles(), 1);
    log.write('y');
    await log.close();
    assert.equal(await text(log.read(0)), 'xy');
  });

  it('lets a reader finish that began before the file was deleted', async () => {
    const log = await open();
    log.write('still here');
    const reader = log.read(0);
    await once(reader, 'readable');
    await rm(file);
    await log.close();
    assert.equal(await text(reader), 'still here');
  });

  it('can be closed twice and drops what comes later', async () => {
    const log = await open();
    log.write('kept');
    const sink = log.sink();
    const closed = log.close();
    log.line('late');
    await closed;
    sink.end('later');
    await once(sink, 'finish');
    await log.close();
    assert.equal(log.isClosed, true);
    assert.equal(await readFile(file, 'utf8'), 'kept');
  });

  it('cuts output at its limit, says so once, and still takes lines', async () => {
    let truncated = 0;
    const log = await open({ maxBytes: 10, onCut: () => truncated++ });
    const sink = log.sink();
    for (const part of ['01234567', '89abcdef', 'more', 'and more']) sink.write(part);
    sink.end();
    await once(sink, 'finish');
    log.line('end');
    await log.close();
    const content = await readFile(file, 'utf8');
    const notice = 'The log has reached its limit of 10 bytes; further output of the task is not logged.';
    assert.equal(content, `0123456789\n[taskcluster:error] ${notice}\n${PREFIX}end\n`);
    assert.equal(truncated, 1);
  });

  it('does not cut output that fits exactly', async () => {
    const log = await open({ maxBytes: 4, onCut: () => assert.fail('nothing was cut') });
    await pipeline(Readable.from(['1234']), log.sink());
    await log.close();
    assert.equal(await readFile(file, 'utf8'), '1234');
  });

  it('goes on with a file that exists, as after a crash', async () => {
    const first = await open();
    first.write('before ');
    await first.close();
    const second = await open();
    second.write('after');
    await second.close();
    assert.equal(await readFile(file, 'utf8'), 'before after');
    assert.equal(second.size, 12);
  });

  it('refuses to write through a link', async () => {
    await symlink(path.join(dir, 'victim'), file);
    await assert.rejects(open(), { code: 'ELOOP' });
  });

  it('has the disk take a long log while it is written; what that cannot take is a failure', async () => {
    const other = await openFile(path.join(dir, 'other'), 'w');
    const handles = Object.getPrototypeOf(other) as FileHandle;
    await other.close();
    const datasync = Reflect.get<FileHandle, 'datasync'>(handles, 'datasync');
    let syncs = 0;
    handles.datasync = async () => {
      syncs += 1;
      if (syncs > 1) await Promise.reject(new Error('EIO'));
    };
    try {
      let cuts = 0;
      const log = await open({ onCut: () => (cuts += 1) });
      const write = (mib: number) =>
        pipeline(Readable.from(Array<Buffer>(mib).fill(Buffer.alloc(1024 * 1024))), log.sink());
      await write(70);
      assert.deepEqual([syncs, log.failure, cuts], [1, undefined, 0]);
      await write(64);
      await log.close();
      assert.deepEqual([syncs, log.failure?.message, cuts], [2, 'EIO', 1]);
    } finally {
      handles.datasync = datasync;
    }
  });

  it('survives a full disk: the failure is remembered and the container goes on', async () => {
    const log = await open({ path: '/dev/full' });
    log.line('lost');
    const reader = text(log.read(0, { end: 0 }));
    await pipeline(Readable.from([randomBytes(3_000_000)]), log.sink());
    log.line('lost too');
    await log.close();
    assert.equal((log.failure as NodeJS.ErrnoException | undefined)?.code, 'ENOSPC');
    assert.equal(log.size, 0);
    assert.equal(await reader, '');
  });
});
