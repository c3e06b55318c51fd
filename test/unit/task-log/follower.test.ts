import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { TaskLog } from '../../../src/lib/task-log/writer.js';

const PREFIX = '[taskcluster 2026-11-23 15:04:05.678Z] ';

describe('the readers of a TaskLog', () => {
  let dir: string;
  let file: string;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'task-log-'));
    file = path.join(dir, 'live.log');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const open = () => TaskLog.open({ path: file, now: () => new Date('2026-11-23T15:04:05.678Z') });

  /** How often this process has the log open. */
  const openFiles = async (): Promise<number> => {
    const targets = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
    return (await Promise.all(targets)).filter((target) => target === file).length;
  };

  it('get all of it, whenever they come', async () => {
    const log = await open();
    const early = text(log.read(0));
    log.line('one');
    await log.copy(Readable.from([Buffer.from('two\n')]));
    const late = text(log.read(0));
    log.line('three');
    await log.close();
    const whole = `${PREFIX}one\ntwo\n${PREFIX}three\n`;
    assert.deepEqual([await early, await late, await text(log.read(0))], [whole, whole, whole]);
  });

  it('begin and end where they want', async () => {
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

  it('do not hold up the log when one reads nothing or leaves', async () => {
    const log = await open();
    const slow = log.read(0);
    const gone = log.read(0);
    gone.destroy();
    const bytes = randomBytes(4_000_000);
    await log.copy(Readable.from([bytes]));
    await log.close();
    assert.ok(slow.readableLength <= 128 * 1024);
    assert.ok(bytes.equals(await buffer(slow)));
  });

  it('have their files closed when they leave while they wait', async () => {
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

  it('read to the end when they began before the file was deleted', async () => {
    const log = await open();
    log.write('still here');
    const reader = log.read(0);
    await once(reader, 'readable');
    await rm(file);
    await log.close();
    assert.equal(await text(reader), 'still here');
  });
});
