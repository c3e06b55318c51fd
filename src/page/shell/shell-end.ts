/** How a connection to a shell ended. */
export interface ShellEnd {
  /** A sentence for people, without control characters. */
  readonly text: string;
  readonly exitCode?: number;
  /** Whether nobody ended the shell, so that the page may open another by itself. */
  readonly isBroken: boolean;
}

const CLOSE = { normal: 1000, goingAway: 1001, tooLarge: 1009, internalError: 1011, tryLater: 1013 } as const;
const EXIT_CODE = /^exit code (\d{1,3})$/;
const MAX_REASON_LENGTH = 200;

export function exited(exitCode: number): ShellEnd {
  return { text: `The shell has ended with exit code ${exitCode}.`, exitCode, isBroken: false };
}

export function runOver(): ShellEnd {
  return { text: 'The task has ended, and with it its shells.', isBroken: false };
}

export function refused(reason: string): ShellEnd {
  return { text: `The worker says: ${printable(reason)}`, isBroken: false };
}

/** Explains a close frame, or its absence. `wasOpen`: whether there had been a connection. */
export function closed({ code, reason }: { code: number; reason: string }, wasOpen: boolean): ShellEnd {
  const [, exitCode] = EXIT_CODE.exec(reason) ?? [];
  if (code === CLOSE.normal && exitCode !== undefined) return exited(Number(exitCode));
  if (code === CLOSE.normal) return { text: 'The shell has ended.', isBroken: false };
  if (code === CLOSE.goingAway && reason !== '') return runOver();
  if (code === CLOSE.tooLarge) return { text: 'Too much was pasted at once.', isBroken: false };
  if (code === CLOSE.internalError || code === CLOSE.tryLater) return refused(reason === '' ? 'not now' : reason);
  if (wasOpen) return { text: 'The connection broke off; what ran in this shell was ended with it.', isBroken: true };
  const text = 'There is no connection: the run may have ended, or its worker cannot be reached from this browser.';
  return { text, isBroken: true };
}

/** What a worker says is shown in a terminal, which obeys control characters. */
function printable(text: string): string {
  return text.slice(0, MAX_REASON_LENGTH).replaceAll(/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, ' ');
}
