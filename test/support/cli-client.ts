import { client as hawkClient, crypto as hawkCrypto } from 'hawk';
import type { ClientCredentials } from 'taskcluster-client';
import { methodFact, problemWith } from './taskcluster-facts.js';
import type { MethodFact } from './taskcluster-facts.js';

/** What the program would print, and what it was told beside that. */
export interface CliAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed if it is JSON; undefined without one. */
  readonly body: unknown;
}

/** A property of an answer's body. */
export function field(body: unknown, name: string): unknown {
  return (body as Readonly<Record<string, unknown>>)[name];
}

interface CliOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly payload?: object;
}

/**
 * Calls methods as `taskcluster api <service> <method> <arguments…>` does: by their published routes with every argument
 * escaped, signed with a hash of the payload, a content type for a payload alone, redirects not followed. Whatever is
 * answered with success is held against the published schema.
 */
export class CliClient {
  readonly #rootUrl: string;
  readonly #credentials: ClientCredentials | undefined;

  constructor(rootUrl: string, credentials?: ClientCredentials) {
    this.#rootUrl = rootUrl;
    this.#credentials = credentials;
  }

  /** `command` is `<service> <method>`. */
  async call(command: string, args: readonly string[] = [], options: CliOptions = {}): Promise<CliAnswer> {
    const [service = '', name = ''] = command.split(' ');
    const fact = methodFact(service, name);
    if (!fact) throw new Error(`Taskcluster has no method ${command}`);
    const answer = await this.send(fact.method, pathOf(fact, args, options.query), options.payload);
    checkAnswer(fact, answer);
    return answer;
  }

  /** Any request at all; `path` begins behind the root URL. */
  async send(method: string, path: string, payload?: object): Promise<CliAnswer> {
    const url = `${this.#rootUrl}${path}`;
    const body = payload === undefined ? undefined : JSON.stringify(payload);
    const response = await fetch(url, {
      method: method.toUpperCase(),
      redirect: 'manual',
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(this.#credentials && { Authorization: authorization(this.#credentials, { method, url, body }) }),
      },
      ...(body !== undefined && { body }),
    });
    return { status: response.status, headers: response.headers, body: parsed(await response.text()) };
  }
}

function pathOf({ service, route, query: known }: MethodFact, args: readonly string[], query = {}): string {
  const open = [...args];
  const path = route.replaceAll(/<\w+>/g, (name) => {
    const value = open.shift();
    if (value === undefined) throw new Error(`insufficient arguments given: ${name} of ${route}`);
    return encodeURIComponent(value);
  });
  const unknown = Object.keys(query).filter((key) => !known.includes(key));
  if (open.length > 0 || unknown.length > 0)
    throw new Error(`${route} does not take ${[...open, ...unknown].join(', ')}`);
  const search = new URLSearchParams(query).toString();
  return `/api/${service}/v1${path}${search === '' ? '' : `?${search}`}`;
}

function authorization(
  { clientId, accessToken, certificate }: ClientCredentials,
  { method, url, body }: { readonly method: string; readonly url: string; readonly body: string | undefined },
): string {
  const credentials = { id: clientId, key: accessToken, algorithm: 'sha256' } as const;
  const ext =
    certificate === undefined
      ? undefined
      : Buffer.from(JSON.stringify({ certificate: JSON.parse(certificate) as unknown })).toString('base64');
  const hash = body === undefined ? undefined : hawkCrypto.calculatePayloadHash(body, 'sha256', 'application/json');
  const { header } = hawkClient.header(url, method.toUpperCase(), {
    credentials,
    ...(ext !== undefined && { ext }),
    ...(hash !== undefined && { hash }),
  });
  return header;
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** It has to be what one of the releases promises. */
function checkAnswer({ service, name, output }: MethodFact, { status, body }: CliAnswer): void {
  if (output === undefined || status >= 400) return;
  const problems = (['99.2.1', 'main'] as const).map((release) => problemWith(output, body, release));
  if (!problems.includes(undefined)) {
    throw new Error(
      `${service} ${name} answered what is not promised: ${problems.join('; ')}\n${JSON.stringify(body)}`,
    );
  }
}
