import { readFileSync, renameSync, write, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { pauseMainThread } from '../lib/worker/watchdog/main-thread-stack.js';
import { StallMeter } from '../lib/worker/watchdog/stall-meter.js';
import type { ThreadUse } from '../lib/worker/watchdog/stall-meter.js';
import type { StallRecord } from '../lib/worker/watchdog/stall-record.js';
import type { WatchdogData } from '../lib/worker/watchdog/watchdog.js';

// The program of the watchdog's thread. It uses nothing that needs the main thread, such as process.stderr.

const STDERR = 2;
const PAUSE_TIMEOUT_MS = 5000;
// A line without a reader must not keep the process alive.
const STDERR_TIMEOUT_MS = 1000;
// Longer than flushing the log takes, which process.exit waits for.
const EXIT_TIMEOUT_MS = 10_000;
/** The unit of utime and stime in proc(5); on Linux it has always been a hundredth of a second. */
const MS_PER_TICK = 10;

const { beats, stallTimeoutMs, tickMs, exitCode, recordPath } = workerData as WatchdogData;

await watch();

/** Watches until it ends the process. */
async function watch(): Promise<never> {
  const meter = new StallMeter(tickMs);
  for (;;) {
    await setTimeout(tickMs);
    const beat = Atomics.load(beats, 0);
    const isDebugged = Atomics.load(beats, 1) === 1;
    const stalledMs = meter.tick(beat, mainThreadUse());
    if (stalledMs >= stallTimeoutMs && !isDebugged) await endProcess(stalledMs, beat);
  }
}

/** Ends the process, or returns if the main thread has recovered in the meantime. */
async function endProcess(stalledMs: number, beat: number): Promise<void> {
  const paused = await pauseMainThread(PAUSE_TIMEOUT_MS);
  if (Atomics.load(beats, 0) !== beat) {
    paused?.resume();
    return;
  }
  const stack = paused?.stack ?? `unknown: the main thread is ${mainThreadActivity()}`;
  writeRecord({ at: new Date().toISOString(), stalledMs, stack });
  const seconds = Math.round(stalledMs / 1000);
  await printError(`docker-worker: the worker stalled for ${seconds} s and its watchdog ends it:\n${stack}\n`);
  paused?.exit(exitCode);
  if (paused) await setTimeout(EXIT_TIMEOUT_MS);
  // Native code can't be ended in any other way.
  process.kill(process.pid, 'SIGKILL');
}

/** Reads the main thread's state; its thread id is the process id. */
function mainThreadUse(): ThreadUse {
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8');
  // The second field, the command's name in parentheses, may contain anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK };
}

function mainThreadActivity(): string {
  return mainThreadUse().state === 'S' ? 'waiting in a system call' : 'in native code, where no JavaScript runs';
}

/** Writes the record for the next start. If the disk is full, only the line on standard error remains. */
function writeRecord(record: StallRecord): void {
  try {
    writeFileSync(`${recordPath}.next`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${recordPath}.next`, recordPath);
  } catch (error) {
    void printError(`docker-worker: ${recordPath} could not be written: ${String(error)}\n`);
  }
}

async function printError(text: string): Promise<void> {
  const written = new Promise<void>((resolve) => {
    write(STDERR, text, () => {
      resolve();
    });
  });
  await Promise.race([written, setTimeout(STDERR_TIMEOUT_MS)]);
}
