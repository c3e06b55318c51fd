import type { Expiring } from '../log/metrics-recorder.js';
import type { Credentials } from '../queue/queue-client.js';

/** A certificate or credentials: what stops being good at a time that is known in advance. */
export interface Ending {
  readonly what: Expiring;
  /** When it ends, as of now; undefined: never, or there is none. */
  readonly end: () => Promise<Date | undefined>;
  /** Somebody has to know so long before it ends; 0: it is renewed by itself, and only a renewal that failed matters. */
  readonly noticeDays: number;
}

/** What is known of one ending at a moment. */
export interface EndingState {
  readonly state: 'good' | 'near' | 'over';
  readonly end: Date;
  /** In tenths. */
  readonly daysLeft: number;
  /** For people. */
  readonly words: string;
}

/** A certificate that renews itself is renewed with a month left, as a rule: with less than this somebody has to look. */
export const CERTIFICATE_NOTICE_DAYS = 14;
/** Credentials that nobody renews are replaced by hand. */
export const CREDENTIALS_NOTICE_DAYS = 7;

const DAY_MS = 24 * 3_600_000;
const SENTENCES: Readonly<Record<Expiring, { readonly near: string; readonly over: string }>> = {
  'live-log-certificate': sentences('the certificate of live logs', 'ends'),
  'interactive-certificate': sentences('the certificate of interactive sessions', 'ends'),
  credentials: sentences("the worker's credentials", 'end'),
};

/** Looks at one; undefined when it has no end. */
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

/** Undefined for those of a client, which do not end by themselves. */
export function credentialsEnd({ certificate }: Credentials): Date | undefined {
  if (certificate === undefined) return undefined;
  try {
    const { expiry } = JSON.parse(certificate) as { readonly expiry?: unknown };
    const end = new Date(typeof expiry === 'number' ? expiry : NaN);
    return Number.isNaN(end.getTime()) ? undefined : end;
  } catch {
    // The queue says what is wrong with it.
    return undefined;
  }
}

function sentences(subject: string, verb: string): { readonly near: string; readonly over: string } {
  return { near: `${subject} ${verb}`, over: `${subject} ended` };
}
