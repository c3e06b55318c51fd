import type { ApiCall, Endpoint } from '../http/endpoint.js';
import { pageOf } from '../http/page.js';
import { isObject } from './upstream-client.js';
import type { Json, UpstreamClient } from './upstream-client.js';
import { itemsOf, lookUp } from './upstream-lists.js';
import type { BatchMethod } from './upstream-lists.js';
import { pathOf, scopesOf } from './upstream-call.js';

type Call = ApiCall<unknown>;

/** A batch method with the property of an item that has its key. */
export interface KeyedMethod extends BatchMethod {
  readonly keyOf: 'taskId' | 'namespace';
}

/** Returns what answers with everything that is here, and what upstream has under the other keys. */
export function mergedBatch(local: Endpoint, client: UpstreamClient, method: KeyedMethod): Endpoint['run'] {
  const keyIn = (item: Json): string => String(item[method.keyOf]);
  return async (call) => {
    const here = await allHere(local, method.items, call);
    const found = new Set(here.map(keyIn));
    const missing = [...new Set(keysIn(call.input, method.keys))].filter((key) => !found.has(key));
    const elsewhere = missing.length === 0 ? [] : await lookUp(client, method, missing, call.closed);
    const all = new Map([...elsewhere, ...here].map((item) => [keyIn(item), item]));
    const { items, next } = pageOf(all.values(), keyIn, call.query);
    return { body: { [method.items]: items, ...next }, isPassedOn: true };
  };
}

/** Returns all items of the local answer. Throws as the local method does, which has checked the call. */
async function allHere(local: Endpoint, list: string, call: Call): Promise<readonly Json[]> {
  const items: Json[] = [];
  for (let query: Call['query'] | undefined = {}; query;) {
    const { body } = await local.run({ ...call, query });
    const page = isObject(body) ? body : {};
    items.push(...itemsOf(page, list));
    const { continuationToken } = page;
    query = typeof continuationToken === 'string' ? { continuationToken } : undefined;
  }
  return items;
}

function keysIn(input: unknown, property: string): readonly string[] {
  const keys = isObject(input) ? input[property] : [];
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
}

const LONGEST_PAGE = 1000;
/** Begins the tokens of upstream's pages; tokens of this server have no dots. */
const UPSTREAM_PAGE = 'upstream.';

/**
 * Returns what lists first everything that is here, then everything that upstream has and that is not here. A page may
 * be shorter than its limit even if there is another one.
 */
export function mergedList(local: Endpoint, service: string, client: UpstreamClient): Endpoint['run'] {
  const list = local.name === 'listTasks' ? 'tasks' : 'namespaces';
  return async (call) => {
    const { continuationToken: token = '', limit = String(LONGEST_PAGE) } = call.query;
    const isFirst = !token.startsWith(UPSTREAM_PAGE);
    // Asked for later pages as well: it checks the caller's scopes and the limit.
    const { body } = await local.run(isFirst ? call : { ...call, query: { limit } });
    const page = isObject(body) ? body : {};
    if (isFirst && page['continuationToken'] !== undefined) return { body };
    const here = isFirst ? itemsOf(page, list) : [];
    const room = Math.min(Number(limit), LONGEST_PAGE) - here.length;
    if (room < 1) return { body: { [list]: here, continuationToken: UPSTREAM_PAGE } };
    const elsewhere = await upstreamPage(client, { service, local, call, list }, { room, token });
    const known = new Set((await allHere(local, list, call)).map(namespaceOf));
    const others = elsewhere.items.filter((item) => !known.has(namespaceOf(item)));
    return { body: { [list]: [...here, ...others], ...elsewhere.next }, isPassedOn: true };
  };
}

interface Listing {
  readonly service: string;
  readonly local: Endpoint;
  readonly call: Call;
  readonly list: string;
}

async function upstreamPage(
  client: UpstreamClient,
  { service, local, call, list }: Listing,
  { room, token }: { readonly room: number; readonly token: string },
): Promise<{ readonly items: readonly Json[]; readonly next: { readonly continuationToken?: string } }> {
  const continuationToken = token.slice(UPSTREAM_PAGE.length);
  const query = {
    limit: String(room),
    ...(token.startsWith(UPSTREAM_PAGE) && continuationToken && { continuationToken }),
  };
  const name = `${service}.${local.name}`;
  const path = pathOf(service, local, { ...call, query });
  const answer = await client.json({ call: name, path, scopes: scopesOf(local, call) }, call.closed);
  if (!answer) return { items: [], next: {} };
  const { continuationToken: following } = answer;
  const next = typeof following === 'string' ? { continuationToken: UPSTREAM_PAGE + following } : {};
  return { items: itemsOf(answer, list), next };
}

function namespaceOf(item: Json): string {
  return String(item['namespace']);
}
