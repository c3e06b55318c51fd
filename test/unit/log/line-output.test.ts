import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineOutput } from '../../../src/lib/log/line-output.js';
import { until } from '../../support/until.js';

const LINE = `${'x'.repeat(999)}\n`;

describe('LineOutput', () => {
  let directory: string;
  let path: string;
  let descriptors: number[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'line-output-'));
    path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    descriptors = [];
  });
  afterEach(() => {
    for (const descriptor of descriptors) closeSync(descriptor);
    rmSync(directory, { recursive: true });
  });

  function open(flags: number, file = path): number {
    const descriptor = openSync(file, flags);
    descriptors.push(descriptor);
    return descriptor;
  }

  function close(descriptor: number): void {
    closeSync(descriptor);
    descriptors.splice(descriptors.indexOf(descriptor), 1);
  }

  /** Both ends of a pipe; `read` returns what is in it, without waiting. */
  function pipe(): { readonly end: number; readonly writeEnd: number; readonly read: () => string } {
    const end = open(constants.O_RDONLY | constants.O_NONBLOCK);
    const writeEnd = open(constants.O_WRONLY);
    const read = (): string => {
      const chunks: Buffer[] = [];
      try {
        for (let buffer = Buffer.alloc(65_536); ; buffer = Buffer.alloc(65_536)) {
          const length = readSync(end, buffer);
          if (length === 0) break;
          chunks.push(buffer.subarray(0, length));
        }
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
      }
      return Buffer.concat(chunks).toString();
    };
    return { end, writeEnd, read };
  }

  /** Everything that comes out of the pipe until it ends with `end`. */
  async function readUntil(read: () => string, end: string): Promise<string> {
    let found = '';
    return await until(`the pipe ends with ${JSON.stringify(end)}`, () => (found += read()), {
      isDone: (text) => text.endsWith(end),
    });
  }

  it('writes a line before write returns', () => {
    const { writeEnd, read } = pipe();
    const output = new LineOutput(writeEnd);
    output.write('one\n');
    output.writeMessage('two\n');
    assert.equal(read(), 'one\ntwo\n');
  });

  it('leaves the pipe blocking for other writers', () => {
    const { writeEnd } = pipe();
    new LineOutput(writeEnd).write('one\n');
    const [, flags = ''] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${writeEnd}`, 'utf8')) ?? [];
    assert.equal(Number.parseInt(flags, 8) & constants.O_NONBLOCK, 0);
  });

  it('keeps whole lines in order while the reader is slow', async () => {
    const { writeEnd, read } = pipe();
    const output = new LineOutput(writeEnd);
    const lines = Array.from({ length: 300 }, (_, index) => `${index} ${LINE}`);
    for (const line of lines) output.write(line);
    output.write('end\n');
    assert.equal(await readUntil(read, 'end\n'), `${lines.join('')}end\n`);
    assert.equal(output.droppedLines, 0);
  });

  it('drops and counts lines above the limit, and marks the gap', async () => {
    const { writeEnd, read } = pipe();
    const output = new LineOutput(writeEnd, { waitingBytesLimit: 100_000 });
    output.onDropped((lines) => {
      output.write(`${lines} dropped\n`);
    });
    for (let index = 0; index < 1000; index += 1) output.write(`${index} ${LINE}`);
    const dropped = output.droppedLines;
    assert.ok(dropped > 800 && dropped < 900, String(dropped));
    const found = await readUntil(read, 'dropped\n');
    output.write('after\n');
    const numbers = (found + read()).split('\n').map((line) => line.split(' ')[0]);
    const kept = Array.from({ length: 1000 - dropped }, (_, index) => String(index));
    assert.deepEqual(numbers, [...kept, String(dropped), 'after', '']);
  });

  it('keeps a bounded number of messages when lines are dropped', () => {
    const { writeEnd } = pipe();
    const output = new LineOutput(writeEnd, { waitingBytesLimit: 10_000 });
    for (let written = 0; output.droppedLines === 0; written += LINE.length) {
      assert.ok(written < 1_000_000, 'nothing was dropped');
      output.write(LINE);
    }
    output.writeMessage('message\n');
    const dropped = [output.droppedLines];
    for (let index = 0; index < 100; index += 1) output.writeMessage(LINE);
    dropped.push(output.droppedLines);
    assert.equal(dropped[0], 1);
    assert.ok((dropped[1] ?? 0) > 50, String(dropped));
  });

  it('flushes to a slow reader before the process ends', async () => {
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    // Waits for the reader to open the pipe, so that there is one.
    const writeEnd = open(constants.O_WRONLY);
    const output = new LineOutput(writeEnd);
    const lines = LINE.repeat(60);
    output.write(lines);
    output.write(lines);
    // cat can't write to its own pipe while this process is blocked, but that has room for what is left here.
    output.flush(60_000);
    let received = '';
    for await (const chunk of reader.stdout) {
      received += String(chunk);
      if (received.length >= 2 * lines.length) break;
    }
    reader.kill();
    await once(reader, 'close');
    assert.ok(received === lines + lines);
  });

  it('stops flushing when nothing reads, and accepts more lines', async () => {
    const { writeEnd, read } = pipe();
    const output = new LineOutput(writeEnd);
    output.write(LINE.repeat(100));
    output.flush(10);
    output.write('end\n');
    assert.equal(await readUntil(read, 'end\n'), `${LINE.repeat(100)}end\n`);
  });

  it('switches to its fallback once the reader has closed the pipe', () => {
    const { end, writeEnd } = pipe();
    const file = join(directory, 'file');
    const fallback = new LineOutput(open(constants.O_WRONLY | constants.O_CREAT, file));
    const output = new LineOutput(writeEnd, { fallback });
    let closed = 0;
    output.onClosed(() => {
      closed += 1;
      output.write('closed\n');
    });
    output.write('read by nothing\n');
    close(end);
    assert.equal(closed, 0);
    output.write('one\n');
    output.write('two\n');
    assert.equal(readFileSync(file, 'utf8'), 'one\nclosed\ntwo\n');
    assert.equal(closed, 1);
    output.onClosed(() => {
      closed += 1;
    });
    assert.equal(closed, 2);
    assert.equal(output.droppedLines, 0);
  });

  it('counts lost lines when there is no fallback', () => {
    const { end, writeEnd } = pipe();
    const output = new LineOutput(writeEnd);
    close(end);
    output.write('one\n');
    output.write('two\n');
    assert.equal(output.droppedLines, 2);
  });

  it('appends to a file', () => {
    const file = join(directory, 'file');
    const descriptor = open(constants.O_WRONLY | constants.O_CREAT, file);
    writeSync(descriptor, 'before\n');
    const output = new LineOutput(descriptor);
    output.write('one\n');
    assert.equal(readFileSync(file, 'utf8'), 'before\none\n');
  });
});
