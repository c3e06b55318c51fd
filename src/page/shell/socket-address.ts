/** An address that a page may connect to, or why it may not. */
export type CheckedAddress =
  | {
      readonly url: string;
      /** With the port, as it is shown to people. */
      readonly host: string;
      /** Whether this machine or that of the page is meant; connecting elsewhere needs the reader's consent. */
      readonly isNear: boolean;
    }
  | { readonly refusal: string };

const MAX_LENGTH = 4096;
const SCHEMES = { webSocket: ['ws:', 'wss:'], http: ['http:', 'https:'] } as const;

/** Checks an address that came with the page's own. `pageHostname` is the name in the page's address, without port. */
export function checkAddress(text: string | null, kind: keyof typeof SCHEMES, pageHostname: string): CheckedAddress {
  if (text === null || text === '') return { refusal: 'The address of this page is incomplete.' };
  const url = text.length > MAX_LENGTH ? undefined : parseUrl(text);
  if (!url) return { refusal: 'The address to connect to is not valid.' };
  const schemes: readonly string[] = SCHEMES[kind];
  if (!schemes.includes(url.protocol)) {
    return {
      refusal: `The address to connect to must begin with ${schemes.join(' or ')}, and not with ${url.protocol}`,
    };
  }
  if (url.username !== '' || url.password !== '') return { refusal: 'The address to connect to has a password in it.' };
  // WebSockets refuse addresses with one.
  url.hash = '';
  const isNear = url.hostname === pageHostname || isLoopback(url.hostname);
  return { url: url.href, host: url.host, isNear };
}

/** Returns an address with parameters added to its query. */
export function withQuery(address: string, parameters: readonly (readonly [string, string])[]): string {
  const url = new URL(address);
  for (const [name, value] of parameters) url.searchParams.append(name, value);
  return url.href;
}

/** Returns undefined for what is no absolute address. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
