import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { ContainerGoneError } from '../../lib/docker/engine.js';
import type { DockerEngine, ExecSession, RunningContainer } from '../../lib/docker/engine.js';
import { isErrorOf } from '../../lib/outcome/service-error.js';
import { TimeoutError, untilAborted, withTimeout } from '../../lib/util/abortable.js';
import { GREETING, SESSION, UNTIL_WAITING, shellCommand } from './container-scripts.js';
import { Terminal } from './terminal.js';
import type { TerminalInput, TerminalOutput } from './terminal.js';

export interface TaskShellOptions {
  readonly engine: Pick<DockerEngine, 'findContainer'>;
  readonly containerId: string;
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  /** The type of the user's terminal (TERM); default: xterm-256color. */
  readonly terminalType?: string | undefined;
  /** Closes the shell's connection; the shell itself stays until its container ends. */
  readonly signal: AbortSignal;
}

/** No shell could be opened; the message says why. */
export class NoShellError extends Error {
  override readonly name = 'NoShellError';
}

/** The exit codes of docker for a program that can't be started, or is not there. */
const NOT_STARTED = new Set([126, 127]);
const NO_SHELL = 'no shell can be opened in the container of the task: its image has no /bin/sh';
const GONE = 'no shell can be opened: the container of the task has ended';
/** The exit code of what is killed, by the engine or anyone else. */
const KILLED = 137;
/** The engine reports the end of a process in a container before that of the container. */
const END_MS = 3000;
const MAX_START_LENGTH = 4096;

/**
 * Opens a shell of the container on the user's terminal, and returns its exit code. All keys go to the shell, so nothing
 * else may use the terminal meanwhile. Says so on the terminal if the container ended first. Without a terminal on both
 * sides, the shell reads commands from stdin. Throws a NoShellError, a DockerError, or the signal's reason; in any case
 * the terminal is as it was before.
 */
export async function openTaskShell(options: TaskShellOptions): Promise<number> {
  const { engine, containerId, stdin, stdout, terminalType = 'xterm-256color', signal } = options;
  const container = await runningContainer(engine, containerId, signal);
  const tty = stdin.isTTY === true && stdout.isTTY === true;
  const spec = { command: shellCommand(SESSION), tty, ...(tty && { env: { TERM: terminalType } }) };
  const exec = await startExec(container, spec, signal);
  const terminal = new Terminal({ stdin, stdout, tty }, exec);
  let ended: ShellEnd;
  try {
    ended = await follow(exec, stdout, signal);
  } finally {
    terminal.dispose();
    exec.close();
  }
  const { exitCode, start } = ended;
  if (exitCode !== undefined && NOT_STARTED.has(exitCode) && !start.startsWith(GREETING))
    throw new NoShellError(NO_SHELL);
  if (exitCode === undefined || (exitCode === KILLED && (await hasEnded(container, signal)))) {
    stdout.write('\nThe container of the task has ended.\n');
  }
  return exitCode ?? KILLED;
}

/**
 * Resolves once the container waits for a shell (see `waitingForShell`): true; false if it ended before. Throws a
 * NoShellError, a DockerError, or the signal's reason.
 */
export async function untilWaiting(
  { engine, containerId }: Pick<TaskShellOptions, 'engine' | 'containerId'>,
  signal: AbortSignal,
): Promise<boolean> {
  const container = await runningContainer(engine, containerId, signal).catch(falseIfGone);
  if (container === false) return false;
  const spec = { command: shellCommand(UNTIL_WAITING), tty: false };
  const exec = await startExec(container, spec, signal).catch(falseIfGone);
  if (exec === false) return false;
  try {
    const { exitCode } = await follow(exec, undefined, signal);
    if (exitCode !== undefined && NOT_STARTED.has(exitCode)) throw new NoShellError(NO_SHELL);
    return exitCode === 0;
  } finally {
    exec.close();
  }
}

/** The container is gone; there is no other NoShellError so early. */
function falseIfGone(error: unknown): false {
  if (error instanceof NoShellError) return false;
  throw error;
}

async function runningContainer(
  engine: TaskShellOptions['engine'],
  containerId: string,
  signal: AbortSignal,
): Promise<RunningContainer> {
  const found = await engine.findContainer(containerId, {}, signal);
  if (found?.state !== 'running') throw new NoShellError(GONE);
  return found.running;
}

async function hasEnded(container: RunningContainer, signal: AbortSignal): Promise<boolean> {
  try {
    await withTimeout('the end of the container', END_MS, (limit) => container.wait(limit), signal);
    return true;
  } catch (error) {
    if (error instanceof ContainerGoneError) return true;
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}

async function startExec(
  container: RunningContainer,
  spec: Parameters<RunningContainer['exec']>[0],
  signal: AbortSignal,
): Promise<ExecSession> {
  try {
    return await container.exec(spec, signal);
  } catch (error) {
    // It has ended, or is gone, since it was found.
    if (isErrorOf(error, 'docker', 404) || isErrorOf(error, 'docker', 409)) throw new NoShellError(GONE);
    throw error;
  }
}

interface ShellEnd {
  /** Undefined if the engine does not know it, because the container is gone. */
  readonly exitCode: number | undefined;
  /** The first output. */
  readonly start: string;
}

/** Passes the output on until its end. */
async function follow(exec: ExecSession, stdout: Writable | undefined, signal: AbortSignal): Promise<ShellEnd> {
  let start = '';
  const copying = (async () => {
    for await (const { data } of exec.output) {
      if (start.length < MAX_START_LENGTH) start += data.toString('latin1');
      if (stdout && !stdout.write(data)) await taken(stdout);
    }
  })();
  await untilAborted(copying, signal);
  try {
    return { exitCode: await exec.exitCode(signal), start };
  } catch (error) {
    if (isErrorOf(error, 'docker', 404)) return { exitCode: undefined, start };
    throw error;
  }
}

/** Resolves once more can be written, or nothing will ever be. */
async function taken(stdout: Writable): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(stdout, 'drain', { signal }), once(stdout, 'close', { signal })]);
  } finally {
    settled.abort();
  }
}
