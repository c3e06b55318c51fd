import { access, constants, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { withTimeout } from '../../util/abortable.js';
import { errorMessage } from '../../util/error-message.js';
import { DISPLAY_DIRECTORY, DISPLAY_TOOLS } from './container-scripts.js';
import type { StartedProgram, TaskPrograms } from './task-programs.js';

/** An X display of a container; sizes in pixels. */
export interface Display {
  readonly display: string;
  readonly width: number;
  readonly height: number;
}

const LIST_TIMEOUT_MS = 30_000;
/** Limits for the list, and for text quoted from it. */
const MAX_LIST_BYTES = 64 * 1024;
const MAX_QUOTED_LENGTH = 200;
const LINE = /^(?<display>[^\t]+)\t(?<width>\d{1,6})x(?<height>\d{1,6})$/;

/**
 * Returns the bind that gives containers the programs in `directory` and the files next to them; undefined without such
 * a directory. Throws an error for the operator if the directory is not usable.
 */
export async function displayBind(directory: string): Promise<string | undefined> {
  try {
    const real = await realpath(directory);
    if (real.includes(':')) throw new Error('its path contains a colon, so Docker cannot mount it');
    for (const name of Object.keys(DISPLAY_TOOLS)) {
      const path = join(real, name);
      if (!(await realpath(path)).startsWith(`${real}/`)) throw new Error(`${path} is a link that leads out of it`);
      await access(path, constants.R_OK | constants.X_OK);
    }
    return `${real}:${DISPLAY_DIRECTORY}:ro`;
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    // Machines without displays do not have the directory.
    if (code === 'ENOENT' && path === directory) return undefined;
    const remedy = `It must contain the programs ${Object.keys(DISPLAY_TOOLS).join(' and ')}`;
    throw new Error(`interactive.displayToolsPath: ${directory}: ${errorMessage(error)}. ${remedy}.`, { cause: error });
  }
}

/**
 * Runs list-displays in the container, which prints a line "<display> TAB <width>x<height>" for each. Throws an error
 * with a message if the program fails or takes too long, after killing it.
 */
export async function listDisplays(
  programs: TaskPrograms,
  signal: AbortSignal,
  timeoutMs = LIST_TIMEOUT_MS,
): Promise<readonly Display[]> {
  const program = await programs.start([DISPLAY_TOOLS['list-displays']], false);
  try {
    const list = (abort: AbortSignal): Promise<string> => printed(program, abort);
    const text = await withTimeout('listing the displays', timeoutMs, list, signal);
    return text.split('\n').filter(Boolean).map(displayOf);
  } catch (error) {
    void program.kill();
    throw error;
  } finally {
    program.exec.close();
  }
}

async function printed({ exec }: StartedProgram, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let complaint = '';
  exec.stdin.end();
  for await (const { from, data } of exec.output) {
    if (from === 'stderr') {
      complaint = (complaint + data.toString()).slice(-MAX_QUOTED_LENGTH);
      continue;
    }
    bytes += data.length;
    if (bytes > MAX_LIST_BYTES) throw new Error(`list-displays prints more than ${MAX_LIST_BYTES} bytes`);
    chunks.push(data);
  }
  const exitCode = await exec.exitCode(signal);
  if (exitCode !== 0) throw new Error(`list-displays exited with code ${exitCode}: ${complaint.trim()}`);
  return Buffer.concat(chunks).toString();
}

function displayOf(line: string): Display {
  const { display, width, height } = LINE.exec(line)?.groups ?? {};
  if (display === undefined)
    throw new Error(`list-displays printed an invalid line: "${line.slice(0, MAX_QUOTED_LENGTH)}"`);
  return { display, width: Number(width), height: Number(height) };
}
