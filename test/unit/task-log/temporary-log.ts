import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { TaskLog } from '../../../src/lib/task-log/writer.js';
import type { TaskLogOptions } from '../../../src/lib/task-log/writer.js';

/** A log in a directory of its own, which is new for each test. Create it in a `describe`. */
export class TemporaryLog {
  directory = '';

  constructor() {
    beforeEach(async () => {
      this.directory = await mkdtemp(path.join(tmpdir(), 'task-log-'));
    });
    afterEach(() => rm(this.directory, { recursive: true }));
  }

  get path(): string {
    return path.join(this.directory, 'task.log');
  }

  /** The file that tells the worker's own lines from the output. */
  get notesPath(): string {
    return `${this.path}.own`;
  }

  readonly open = (options: Pick<TaskLogOptions, 'maxBytes' | 'onCut'> = {}): Promise<TaskLog> =>
    TaskLog.open({ path: this.path, now: () => new Date('2026-11-23T15:04:05.678Z'), ...options });

  readonly content = (): Promise<string> => readFile(this.path, 'utf8');
  readonly notes = (): Promise<string> => readFile(this.notesPath, 'utf8');
}

export function streamOf(...pieces: readonly (string | Buffer)[]): Readable {
  return Readable.from(pieces.map((piece) => Buffer.from(piece)));
}

/** Returns the container's output in the log. */
export async function outputOf(log: TaskLog): Promise<string> {
  return (await buffer(log.readOutput())).toString();
}
