const MASK = '***';

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

/** Parameters that make a URL a permission, and the credentials in front of its host. */
const SIGNATURES =
  /([?&](?:bewit|X-Amz-(?:Signature|Credential|Security-Token)|Signature|sig|access_token)=)[^&\s"'<>]+/gi;
const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]+@/gi;
const AUTHORIZATION = /\b(Hawk id=|Bearer |Basic )[^\r\n]+/g;

/** Shorter ones are too likely to be part of ordinary words. */
const MIN_SECRET_LENGTH = 4;
// Deeper than anything that is worth reading in a log line.
const MAX_DEPTH = 8;

/** Makes values fit for a log: secrets masked by key, by content and by form; errors reduced to what identifies them. */
export class Redactor {
  /** How often each was added: two owners may hold the same secret. */
  readonly #secrets = new Map<string, number>();

  constructor(secrets: readonly string[] = []) {
    for (const secret of secrets) this.add(secret);
  }

  /** Masks `secret` (4 characters at least) until the returned function is called; calling it twice is harmless. */
  add(secret: string): () => void {
    if (secret.length < MIN_SECRET_LENGTH) return () => undefined;
    const forms = formsOf(secret);
    for (const form of forms) this.#secrets.set(form, (this.#secrets.get(form) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const form of forms) this.#release(form);
    };
  }

  cleanText(text: string): string {
    let clean = text;
    for (const secret of this.#secrets.keys()) {
      if (clean.includes(secret)) clean = clean.replaceAll(secret, MASK);
    }
    return clean
      .replace(SIGNATURES, `$1${MASK}`)
      .replace(URL_CREDENTIALS, `$1${MASK}@`)
      .replace(AUTHORIZATION, `$1${MASK}`);
  }

  /** A copy of plain maps, lists and scalars, whatever `value` was; `value` is left as it is. */
  clean(value: unknown): unknown {
    return this.#clean(value, []);
  }

  #clean(value: unknown, parents: readonly unknown[]): unknown {
    if (typeof value === 'string') return this.cleanText(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (parents.includes(value)) return '[circular]';
    if (parents.length > MAX_DEPTH) return '[too deep]';
    const line = [...parents, value];
    if (value instanceof Error) return this.#clean(errorFields(value), line);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) return value.map((item) => this.#clean(item, line));
    if (value instanceof Map || value instanceof Set) return this.#clean([...value], line);
    if (hasToJson(value)) return this.#clean(value.toJSON(), line);
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        this.cleanText(key),
        isSecretKey(key) && inner !== undefined ? MASK : this.#clean(inner, line),
      ]),
    );
  }

  #release(form: string): void {
    const owners = (this.#secrets.get(form) ?? 1) - 1;
    if (owners > 0) this.#secrets.set(form, owners);
    else this.#secrets.delete(form);
  }
}

function isSecretKey(key: string): boolean {
  return SECRET_KEYS.has(key.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** As it is, as part of a URL (through a Buffer, because half a surrogate pair can't be encoded) and within JSON text, each distinct one once. */
function formsOf(secret: string): readonly string[] {
  return [
    ...new Set([secret, encodeURIComponent(Buffer.from(secret).toString()), JSON.stringify(secret).slice(1, -1)]),
  ];
}

/** HTTP libraries hang whole requests, with their headers, on an error: only what identifies it is kept. */
function errorFields(error: Error): Readonly<Record<string, unknown>> {
  const { code, statusCode, response } = error as Error & {
    readonly code?: unknown;
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
