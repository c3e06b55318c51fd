import { startOf } from '../util/shorten.js';

export const MASK = '***';

/** Query parameters that make a URL grant access. */
const SIGNATURES =
  /([?&](?:bewit|X-Amz-(?:Signature|Credential|Security-Token)|Signature|sig|access_token)=)[^&\s"'<>]+/gi;
// Matches from the slashes on: a pattern that begins with the scheme takes quadratic time if there is no match.
const URL_CREDENTIALS = /(:\/\/)[^\s/@"'<>]+@/g;
const UNFINISHED_URL = /:\/\/[^\s/@"'<>]+$/;
const AUTHORIZATION = /(Hawk id=|Bearer |Basic )[^\r\n]+/g;

/** Shorter secrets are too likely to be part of ordinary words. */
const MIN_SECRET_LENGTH = 4;
/** Longer forms are matched by their beginning. */
const MAX_FORM_LENGTH = 1024;

interface Form {
  /** How often the secret was added: two owners may hold the same one. */
  owners: number;
  /** The text matched is only the beginning of the secret. */
  readonly isStart: boolean;
}

/**
 * Prepares text for a log: masks known secrets by content and others by form, and truncates what is too long for a log
 * line. That takes linear time, with a limit however long the text is.
 */
export class Redactor {
  readonly #secrets = new Map<string, Form>();

  constructor(secrets: readonly string[] = []) {
    for (const secret of secrets) this.add(secret);
  }

  /** Masks `secret` (at least 4 characters) until the returned function is called; calling it twice is harmless. */
  add(secret: string): () => void {
    if (secret.length < MIN_SECRET_LENGTH) return () => undefined;
    const forms = formsOf(secret);
    for (const [text, isStart] of forms) {
      const form = this.#secrets.get(text) ?? { owners: 0, isStart };
      form.owners += 1;
      this.#secrets.set(text, form);
    }
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const text of forms.keys()) this.#release(text);
    };
  }

  /**
   * Returns `text` without secrets, truncated to `maxLength` characters with a note of the original length. A secret at
   * the cut is removed completely.
   */
  cleanText(text: string, maxLength: number): string {
    if (text.length <= maxLength) return this.#mask(text);
    const isPart = text.length > maxLength + MAX_FORM_LENGTH;
    const masked = this.#mask(isPart ? text.slice(0, maxLength + MAX_FORM_LENGTH) : text);
    // The end of a part may be the beginning of a secret, which is not recognized without its end.
    const safe = isPart ? withoutUnfinished(masked) : masked;
    return `${startOf(safe, maxLength)}… (${text.length} characters)`;
  }

  #mask(text: string): string {
    let masked = text;
    for (const [form, { isStart }] of this.#secrets) {
      const at = masked.indexOf(form);
      if (at < 0) continue;
      masked = isStart ? masked.slice(0, at) + MASK : masked.replaceAll(form, MASK);
    }
    return masked
      .replace(SIGNATURES, `$1${MASK}`)
      .replace(URL_CREDENTIALS, `$1${MASK}@`)
      .replace(AUTHORIZATION, `$1${MASK}`);
  }

  #release(text: string): void {
    const form = this.#secrets.get(text);
    if (!form) return;
    form.owners -= 1;
    if (form.owners === 0) this.#secrets.delete(text);
  }
}

function withoutUnfinished(masked: string): string {
  const end = Math.max(masked.length - MAX_FORM_LENGTH, 0);
  const url = masked.search(UNFINISHED_URL);
  return url >= 0 && url < end ? `${masked.slice(0, url)}://${MASK}` : masked.slice(0, end);
}

/**
 * Returns the forms of a secret: as it is, in a URL (through a Buffer, because half a surrogate pair can't be encoded)
 * and in JSON text; each distinct form once, with whether it is only the beginning.
 */
function formsOf(secret: string): ReadonlyMap<string, boolean> {
  const start = startOf(secret, MAX_FORM_LENGTH);
  const forms = [start, encodeURIComponent(Buffer.from(start).toString()), JSON.stringify(start).slice(1, -1)];
  return new Map(
    forms.map((form) => [
      form.slice(0, MAX_FORM_LENGTH),
      start.length < secret.length || form.length > MAX_FORM_LENGTH,
    ]),
  );
}
