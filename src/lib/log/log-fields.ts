import { MASK } from './redactor.js';
import type { Redactor } from './redactor.js';

/** Keys whose value is a credential or gives access to something, in lower case without - and _. */
const SECRET_KEYS = new Set([
  'accesstoken',
  'authorization',
  'bewit',
  'certificate',
  'cookie',
  'credentials',
  'password',
  'privatekey',
  'puturl',
  'secret',
  'setcookie',
  'signedurl',
  'socketurl',
  'token',
  'xregistryauth',
]);

/** The most bytes of a line's fields as JSON, so that a whole line of the log has at most 16 KiB. */
const LINE_BYTES = 14 * 1024;
const MAX_TEXT_LENGTH = 4096;
const MAX_KEY_LENGTH = 200;
const MAX_ITEMS = 100;
// Deeper than anything worth reading in a log line.
const MAX_DEPTH = 8;
const MORE = '…';
// Brackets, quotes, colon and comma.
const PUNCTUATION_BYTES = 6;
const SCALAR_BYTES = 24;
// A character of a string takes at most six bytes: \u0000.
const BYTES_PER_CHARACTER = 6;

/**
 * Returns a copy of `fields` as plain maps, lists and scalars without secrets; errors are reduced to what identifies
 * them. However large the fields are, it only reads what fits in a line of the log.
 */
export function logFields(
  fields: Readonly<Record<string, unknown>>,
  redactor: Pick<Redactor, 'cleanText'>,
): Readonly<Record<string, unknown>> {
  return new FieldCopy(redactor).object(fields, []);
}

class FieldCopy {
  readonly #redactor: Pick<Redactor, 'cleanText'>;
  #leftBytes = LINE_BYTES;

  constructor(redactor: Pick<Redactor, 'cleanText'>) {
    this.#redactor = redactor;
  }

  object(value: object, parents: readonly unknown[]): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    let count = 0;
    for (const key in value) {
      if (!Object.hasOwn(value, key)) continue;
      if (!this.#hasRoom(count)) {
        copy[MORE] = 'more';
        break;
      }
      count += 1;
      const inner = (value as Readonly<Record<string, unknown>>)[key];
      const name = this.#text(key, MAX_KEY_LENGTH);
      const copied = isSecretKey(key) && inner !== undefined ? MASK : this.#value(inner, parents);
      // defineProperty treats __proto__ like any other key.
      Object.defineProperty(copy, name, { value: copied, enumerable: true, configurable: true, writable: true });
    }
    return copy;
  }

  #value(value: unknown, parents: readonly unknown[]): unknown {
    if (typeof value === 'string') return this.#text(value, MAX_TEXT_LENGTH);
    if (typeof value === 'bigint') return this.#text(value.toString(), MAX_TEXT_LENGTH);
    if (typeof value !== 'object' || value === null) {
      this.#leftBytes -= SCALAR_BYTES;
      return value;
    }
    if (parents.includes(value)) return '[circular]';
    if (parents.length > MAX_DEPTH) return '[too deep]';
    const line = [...parents, value];
    if (value instanceof Error) return this.object(errorFields(value), line);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value) || value instanceof Set || value instanceof Map) return this.#list(value, line);
    if (hasToJson(value)) return this.#value(value.toJSON(), line);
    return this.object(value, line);
  }

  #list(values: Iterable<unknown>, parents: readonly unknown[]): readonly unknown[] {
    const copy: unknown[] = [];
    for (const value of values) {
      if (!this.#hasRoom(copy.length)) {
        copy.push(MORE);
        break;
      }
      copy.push(this.#value(value, parents));
    }
    return copy;
  }

  /** Reserves the room of the punctuation around one more item; returns false if there is no room. */
  #hasRoom(items: number): boolean {
    if (items >= MAX_ITEMS || this.#leftBytes <= PUNCTUATION_BYTES) return false;
    this.#leftBytes -= PUNCTUATION_BYTES;
    return true;
  }

  #text(text: string, maxLength: number): string {
    const clean = this.#redactor.cleanText(text, maxLength);
    const bytes = Buffer.byteLength(JSON.stringify(clean));
    if (bytes <= this.#leftBytes) {
      this.#leftBytes -= bytes;
      return clean;
    }
    const part = clean.slice(0, Math.max(Math.floor(this.#leftBytes / BYTES_PER_CHARACTER), 0));
    this.#leftBytes = 0;
    return `${part}${MORE}`;
  }
}

function isSecretKey(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && SECRET_KEYS.has(key.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** Keeps only what identifies an error: HTTP libraries attach whole requests, with their headers. */
function errorFields(error: Error): Readonly<Record<string, unknown>> {
  const {
    code,
    status,
    statusCode = status,
    response,
  } = error as Error & {
    readonly code?: unknown;
    readonly status?: unknown;
    readonly statusCode?: unknown;
    readonly response?: { readonly statusCode?: unknown };
  };
  const fields = {
    message: error.message,
    stack: error.stack,
    cause: error.cause,
    code: code,
    statusCode: statusCode ?? response?.statusCode,
    errors: error instanceof AggregateError ? error.errors : undefined,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
