import type { ApiCall, Endpoint } from '../http/endpoint.js';
import type { RouteParameter } from '../http/route.js';

type Call = ApiCall<unknown>;

/** Returns the path of the same call to another deployment, without the signature that an address may contain. */
export function pathOf(service: string, { route, query: options = [] }: Endpoint, call: Call): string {
  const path = route.replace(/<(\w+)>/g, (_, name: string) => encodeURIComponent(call.param(name as RouteParameter)));
  const query = Object.entries(call.query).filter(([name]) => options.some((option) => option === name));
  const search = query.length === 0 ? '' : `?${new URLSearchParams(query).toString()}`;
  return `/api/${service}/v1${path}${search}`;
}

/** Returns the scopes that the method requires of its caller; all of them are single ones. */
export function scopesOf(local: Endpoint, call: Call): readonly string[] {
  const needed = local.scopes?.(call.param);
  return typeof needed === 'string' ? [needed] : [];
}
