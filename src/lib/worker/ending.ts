import type { Expiring } from '../log/metrics-recorder.js';
import type { Credentials } from '../queue/queue-client.js';

/** A certificate or credentials, which expire at a time that is known in advance. */
export interface Ending {
  readonly what: Expiring;
  /** Returns when the current one expires; undefined: never, or there is none. */
  readonly end: () => Promise<Date | undefined>;
  /** How long before the end to warn the operator; 0: it is renewed automatically, so only a failed renewal counts. */
  readonly noticeDays: number;
}

/** The state of one ending at a moment. */
export interface EndingState {
  readonly state: 'good' | 'near' | 'over';
  readonly end: Date;
  /** Rounded to tenths. */
  readonly daysLeft: number;
  /** The message for operators. */
  readonly words: string;
}

/** A certificate is usually renewed automatically with a month left: with less than this the operator has to act. */
export const CERTIFICATE_NOTICE_DAYS = 14;
/** Credentials that the host does not renew are replaced by hand. */
export const CREDENTIALS_NOTICE_DAYS = 7;

const DAY_MS = 24 * 3_600_000;
const SENTENCES: Readonly<Record<Expiring, { readonly near: string; readonly over: string }>> = {
  'live-log-certificate': sentences('the certificate of live logs', 'ends'),
  'interactive-certificate': sentences('the certificate of interactive sessions', 'ends'),
  credentials: sentences("the worker's credentials", 'end'),
};

/** Returns the state of one ending; undefined if it never expires. */
export async function stateOf({ what, end: ask, noticeDays }: Ending, now: Date): Promise<EndingState | undefined> {
  const end = await ask();
  if (!end) return undefined;
  const leftMs = end.getTime() - now.getTime();
  const daysLeft = Math.round((leftMs / DAY_MS) * 10) / 10;
  const state = leftMs <= 0 ? 'over' : leftMs < noticeDays * DAY_MS ? 'near' : 'good';
  const at = end.toISOString();
  const { near, over } = SENTENCES[what];
  return {
    state,
    end,
    daysLeft,
    words: state === 'over' ? `${over} at ${at}` : `${near} at ${at}, in ${daysLeft} days`,
  };
}

/** Returns undefined for permanent credentials, which do not expire. */
export function credentialsEnd({ certificate }: Credentials): Date | undefined {
  if (certificate === undefined) return undefined;
  try {
    const { expiry } = JSON.parse(certificate) as { readonly expiry?: unknown };
    const end = new Date(typeof expiry === 'number' ? expiry : NaN);
    return Number.isNaN(end.getTime()) ? undefined : end;
  } catch {
    // The queue's answer will say what is wrong with it.
    return undefined;
  }
}

function sentences(subject: string, verb: string): { readonly near: string; readonly over: string } {
  return { near: `${subject} ${verb}`, over: `${subject} ended` };
}
