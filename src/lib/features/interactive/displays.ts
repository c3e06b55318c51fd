import { access, constants, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecSession, RunningContainer } from '../../docker/engine.js';
import { withTimeout } from '../../util/abortable.js';
import { DISPLAY_TOOLS } from './container-scripts.js';

/** An X display of a container; sizes in pixels. */
export interface Display {
  readonly display: string;
  readonly width: number;
  readonly height: number;
}

const LIST_TIMEOUT_MS = 30_000;
/** Of the list, and of what is quoted from it. */
const MAX_LIST_BYTES = 64 * 1024;
const MAX_QUOTED_LENGTH = 200;
const LINE = /^(?<display>[^\t]+)\t(?<width>\d{1,6})x(?<height>\d{1,6})$/;

/** What to mount so that containers have the programs in `directory`; undefined: they are not all there. */
export async function displayBinds(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await Promise.all(
      Object.entries(DISPLAY_TOOLS).map(async ([name, target]) => {
        const path = await realpath(join(directory, name));
        if (path.includes(':')) throw new Error('docker cannot mount a path with a colon');
        await access(path, constants.R_OK | constants.X_OK);
        return `${path}:${target}:ro`;
      }),
    );
  } catch {
    // Machines without displays have none of it.
    return undefined;
  }
}

/** Asks the container's own list-displays, which prints a line "<display> TAB <width>x<height>" for each. */
export async function listDisplays(container: RunningContainer, signal: AbortSignal): Promise<readonly Display[]> {
  const list = async (abort: AbortSignal): Promise<string> => {
    const exec = await container.exec({ command: [DISPLAY_TOOLS['list-displays']], tty: false }, abort);
    const close = (): void => {
      exec.close();
    };
    abort.addEventListener('abort', close, { once: true });
    try {
      return await printed(exec, abort);
    } finally {
      abort.removeEventListener('abort', close);
      close();
    }
  };
  const text = await withTimeout('listing the displays', LIST_TIMEOUT_MS, list, signal);
  return text.split('\n').filter(Boolean).map(displayOf);
}

async function printed(exec: ExecSession, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  exec.stdin.end();
  for await (const { from, data } of exec.output) {
    if (from !== 'stdout') continue;
    bytes += data.length;
    if (bytes > MAX_LIST_BYTES) throw new Error(`list-displays prints more than ${MAX_LIST_BYTES} bytes`);
    chunks.push(data);
  }
  const exitCode = await exec.exitCode(signal);
  if (exitCode !== 0) throw new Error(`list-displays ended with exit code ${exitCode}`);
  return Buffer.concat(chunks).toString();
}

function displayOf(line: string): Display {
  const { display, width, height } = LINE.exec(line)?.groups ?? {};
  if (display === undefined) throw new Error(`list-displays says "${line.slice(0, MAX_QUOTED_LENGTH)}"`);
  return { display, width: Number(width), height: Number(height) };
}
