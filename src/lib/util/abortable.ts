import { LinkedAbort } from './linked-abort.js';
import { timerMs } from './timer.js';

/** An operation timed out. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';

  constructor(what: string, timeoutMs: number) {
    super(`${what} did not finish within ${timeoutMs / 1000} s`);
  }
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts (the promise keeps running). */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // No caller awaits it any more: its failure must not count as unhandled.
    promise.catch(() => undefined);
    throw signal.reason;
  }
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}

/** Runs `operation` with a signal that follows `parent` and aborts after `timeoutMs`: a TimeoutError naming `what`. */
export async function withTimeout<T>(
  what: string,
  timeoutMs: number,
  operation: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  const limit = new LinkedAbort(parent);
  limit.abortAfter(timeoutMs, () => new TimeoutError(what, timeoutMs));
  try {
    return await untilAborted(operation(limit.signal), limit.signal);
  } finally {
    limit.dispose();
  }
}

/** Waits `delayMs`; rejects with the signal's reason if it aborts first. */
export async function delay(delayMs: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timerMs(delayMs));
  });
  try {
    await untilAborted(elapsed, signal);
  } finally {
    clearTimeout(timer);
  }
}
