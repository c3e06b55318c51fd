import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { TaskLog } from '../../../src/lib/task-log/writer.js';

/** What is on the disk of a log: the log itself, and the notes beside it. */
interface Files {
  readonly log: Buffer;
  readonly notes: string;
}

/** A step of a worker: it copies output, or writes a line of its own. */
type Step = { readonly kind: 'output' | 'own' | 'error' | 'atBreak'; readonly text: string };

const NOTHING: Files = { log: Buffer.alloc(0), notes: '' };
const HEADER = '[header]\n';

/** Lines of the worker's own in a log whose output has no brackets; errors are not found this way. */
const OWN_LINES = /\[[^\n]*\n/g;

/** Returns the length of those notes that are complete before the log has `size` bytes. */
function leastNotes({ notes }: Files, size: number): number {
  let least = 0;
  let length = 0;
  for (const line of notes.split('\n').slice(0, -1)) {
    length += line.length + 1;
    if (Number(line.split(' ')[1]) < size) least = length;
  }
  return least;
}

/** Returns the text in pieces that end at these places. */
function piecesOf(text: string, ends: readonly number[]): readonly Buffer[] {
  const places = [0, ...ends.map((end) => end % (text.length + 1)).sort((a, b) => a - b), text.length];
  const pieces = places.slice(1).map((end, index) => Buffer.from(text.slice(places[index], end)));
  return pieces.filter(({ length }) => length > 0);
}

/** Returns a handler of an error that says for which files it was. */
function rethrow({ log, notes }: Files): (error: unknown) => never {
  return (error) => {
    throw new Error(JSON.stringify({ log: log.toString(), notes }), { cause: error });
  };
}

describe('a log whose writer was killed', () => {
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'killed-'));
    file = path.join(directory, 'task.log');
  });
  afterEach(() => rm(directory, { recursive: true }));

  const present = async (): Promise<Files> => {
    // In this order: notes are written first.
    const log = await readFile(file);
    const notes = await readFile(`${file}.own`, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    });
    return { log, notes };
  };

  /** Runs a worker on these files; returns what it leaves, killed or not. */
  const withLog = async (files: Files, end: 'close' | 'kill', work: (log: TaskLog) => Promise<unknown>) => {
    await writeFile(file, files.log);
    if (files.notes === '') await rm(`${file}.own`, { force: true });
    else await writeFile(`${file}.own`, files.notes);
    const log = await TaskLog.open({ path: file, now: () => new Date(0) });
    if (!log.hasOutputBegun) {
      log.write(HEADER);
      log.beginOutput();
    }
    await work(log);
    const left = await present();
    await log.close();
    return end === 'kill' ? left : await present();
  };

  const record = (steps: readonly Step[]): Promise<Files> =>
    withLog(NOTHING, 'close', async (log) => {
      for (const { kind, text } of steps) {
        if (kind === 'output') await log.copy(Readable.from([Buffer.from(text)]));
        else if (kind === 'own') log.write(`[${text}]\n`);
        else if (kind === 'error') log.error(text);
        else log.lineAtBreak(text);
      }
    });

  /** Resumes with this much of the output. */
  const resume = async (log: TaskLog, output: string, ends: readonly number[]): Promise<void> => {
    const knownBytes = log.outputBytes;
    log.lineAtBreak('away');
    const { seenBytes, isShort } = await log.resume(Readable.from(piecesOf(output, ends)));
    assert.deepEqual([seenBytes, isShort], [output.length, output.length < knownBytes]);
    assert.equal(log.outputBytes, Math.max(knownBytes, output.length));
  };

  /** Resumes with the whole output, checks that the log has it then, and returns the files. */
  const complete = (files: Files, output: string, ends: readonly number[] = []): Promise<Files> =>
    withLog(files, 'close', async (log) => {
      await resume(log, output, ends);
      log.endOutput();
      log.write('[footer]\n');
      assert.equal((await buffer(log.readOutput())).toString(), output);
    });

  const outputOf = (steps: readonly Step[]): string =>
    steps.map(({ kind, text }) => (kind === 'output' ? text : '')).join('');

  /** Checks without the notes that the log has all output, and that no line for a break tore a line of output. */
  const checkText = ({ log }: Files, output: string): void => {
    const text = log.toString();
    assert.equal(text.replace(OWN_LINES, ''), output);
    for (const { index } of text.matchAll(/\[taskcluster [^\]\n]*\] (?:away|atBreak)/g)) {
      assert.ok(index === 0 || text[index - 1] === '\n', `a torn line: ${text}`);
    }
  };

  it('has the output once and in order, wherever the two files end', async () => {
    const steps: readonly Step[] = [
      { kind: 'output', text: 'ab' },
      { kind: 'own', text: 'A' },
      { kind: 'own', text: 'B' },
      { kind: 'output', text: 'cd\n' },
      { kind: 'own', text: 'C' },
      { kind: 'output', text: 'e\n' },
    ];
    const output = outputOf(steps);
    const whole = await record(steps);
    assert.equal(whole.log.toString(), `${HEADER}ab[A]\n[B]\ncd\n[C]\ne\n`);
    assert.equal(whole.notes, 'begin 9\nown 11 4\nown 15 4\nown 22 4\n');
    let kills = 0;
    for (let size = 0; size <= whole.log.length; size += 1) {
      for (let length = leastNotes(whole, size); length <= whole.notes.length; length += 1) {
        kills += 1;
        const left = { log: whole.log.subarray(0, size), notes: whole.notes.slice(0, length) };
        checkText(await complete(left, output), output);
      }
    }
    assert.ok(kills > 300);
  });

  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n'), minLength: 1, maxLength: 12 });
  const step = (...kinds: readonly Step['kind'][]): fc.Arbitrary<Step> =>
    fc.oneof(
      text.map((output) => ({ kind: 'output', text: output }) as const),
      fc.constantFrom(...kinds).map((kind) => ({ kind, text: kind })),
    );
  const place = fc.nat();

  /** Cuts the files as a kill may leave them: not shorter than `from`, which was there before. */
  const killed = (files: Files, from: number, size: number, length: number): Files => {
    const end = from + (size % (files.log.length - from + 1));
    const least = leastNotes(files, end);
    const notes = files.notes.slice(0, least + (length % (files.notes.length - least + 1)));
    return { log: files.log.subarray(0, end), notes };
  };

  it('has it after any steps and two kills, the second while it is resumed', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step('own', 'atBreak'), { maxLength: 12 }),
        fc.tuple(place, place, place, place, place),
        fc.array(place, { maxLength: 4 }),
        async (steps, [size, length, part, secondSize, secondLength], ends) => {
          // No line waits for a break when the log is closed: it would stand behind a break of its own.
          const all: readonly Step[] = [...steps, { kind: 'output', text: '\n' }];
          const output = outputOf(all);
          const first = killed(await record(all), 0, size, length);
          const begun = output.slice(0, part % (output.length + 1));
          const resumed = await withLog(first, 'kill', (log) => resume(log, begun, ends)).catch(rethrow(first));
          const second = killed(resumed, first.log.length, secondSize, secondLength);
          checkText(await complete(second, output, ends).catch(rethrow(second)), output);
        },
      ),
      { numRuns: 300 },
    ));

  it('has it after any steps, errors among them, and one kill', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step('own', 'error', 'atBreak'), { maxLength: 12 }),
        fc.tuple(place, place),
        fc.array(place, { maxLength: 4 }),
        async (steps, [size, length], ends) => {
          const left = killed(await record(steps), 0, size, length);
          await complete(left, outputOf(steps), ends).catch(rethrow(left));
        },
      ),
      { numRuns: 300 },
    ));
});
