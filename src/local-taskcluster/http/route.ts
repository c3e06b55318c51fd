import { ApiError } from './api-error.js';

const IDENTIFIER = /^[a-zA-Z0-9_-]{1,38}$/;
const SLUGID = /^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/;
const POOL = /^[a-zA-Z0-9_-]{1,38}\/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$/;
const PRINTABLE = /^[\x20-\x7e]+$/;
/** The pattern of a task's path in the index. */
export const INDEX_PATH = /^(?=.{1,255}$)([a-zA-Z0-9_!~*'()%-]+\.)*[a-zA-Z0-9_!~*'()%-]+$/;
const PARAMETERS = {
  taskId: SLUGID,
  taskGroupId: SLUGID,
  runId: /^(0|[1-9][0-9]{0,3})$/,
  name: PRINTABLE,
  taskQueueId: POOL,
  workerPoolId: POOL,
  provisionerId: IDENTIFIER,
  workerType: /^[a-z]([-a-z0-9]{0,36}[a-z0-9])?$/,
  workerGroup: IDENTIFIER,
  workerId: IDENTIFIER,
  // An empty namespace lists the root, which can't hold tasks.
  namespace: /^(?=.{0,255}$)(?:$|(?:[a-zA-Z0-9_!~*'()%-]+\.)*[a-zA-Z0-9_!~*'()%-]+$)/,
  indexPath: INDEX_PATH,
  clientId: /^[A-Za-z0-9!@/:.+|_-]+$/,
  roleId: PRINTABLE,
  hookGroupId: /^[a-zA-Z0-9_-]{1,1000}$/,
  hookId: /^[a-zA-Z0-9_/-]{1,1000}$/,
  wstAudience: IDENTIFIER,
  wstClient: /^[a-zA-Z0-9_~.%-]+$/,
} as const;

export type RouteParameter = keyof typeof PARAMETERS;

type Matched = Readonly<Record<string, string>>;

// The second half of a pool's name whose slash was not encoded.
const SECOND_HALF = 'SecondHalf';
const POOLS: readonly string[] = ['taskQueueId', 'workerPoolId'];
// Here the rest of the route can't be told from the pool name's second half, so the slash has to be encoded.
const ENCODED_POOL = '/workers/<workerPoolId>';
// The root of the index is requested with an empty namespace or with none.
const OPTIONAL_NAMESPACE = /^\/(?:namespaces|tasks)\/<namespace>$/;

/** Returns Fastify's spellings of a `<parameter>` route, one for each way in which clients may write it. */
export function fastifyRoutes(route: string): readonly string[] {
  const plain = route.replace(/<(\w+)>/g, (_, name: string) => (takesRest(route, name) ? '*' : `:${name}`));
  const pool = route.startsWith(ENCODED_POOL) ? undefined : POOLS.find((name) => route.includes(`<${name}>`));
  return [
    plain,
    ...(pool === undefined ? [] : [plain.replace(`:${pool}`, `:${pool}/:${pool}${SECOND_HALF}`)]),
    ...(OPTIONAL_NAMESPACE.test(route) ? [plain.slice(0, plain.lastIndexOf('/'))] : []),
    ...(route.endsWith('/') ? [plain.slice(0, -1)] : []),
  ];
}

/** Returns whether a parameter may contain unencoded slashes: only a name at the end of its route. */
function takesRest(route: string, name: string): boolean {
  return name === 'name' && route.endsWith('<name>');
}

/** Returns the route's parameters by name, from what Fastify matched. */
export function namedParams(route: string, matched: Matched): Matched {
  const names = [...route.matchAll(/<(\w+)>/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, valueOf(route, name, matched)]));
}

function valueOf(route: string, name: string, matched: Matched): string {
  const value = matched[takesRest(route, name) ? '*' : name] ?? '';
  const secondHalf = matched[name + SECOND_HALF];
  return secondHalf === undefined ? value : `${value}/${secondHalf}`;
}

/**
 * Does the same, but throws InvalidRequestArguments for a parameter that breaks its pattern, and ResourceNotFound when
 * more follows a complete name without naming a method.
 */
export function checkParams(route: string, matched: Matched): Matched {
  for (const [name, value] of Object.entries(matched)) {
    if (name.endsWith(SECOND_HALF) && (matched[name.slice(0, -SECOND_HALF.length)] ?? '').includes('/')) {
      throw new ApiError('ResourceNotFound', `There is no method at .../${value} in the local Taskcluster.`);
    }
  }
  const params = namedParams(route, matched);
  for (const [name, value] of Object.entries(params)) {
    const pattern = PARAMETERS[name as RouteParameter];
    if (!pattern.test(value)) {
      throw new ApiError(
        'InvalidRequestArguments',
        `${JSON.stringify(value)} in the address is not a valid ${name}: it has to match ${String(pattern)}.`,
      );
    }
  }
  return params;
}

/** The patterns of query options; all options are optional. */
const QUERY = {
  limit: /^[0-9]+$/,
  continuationToken: /./,
  since: /./,
  bewit: /./,
  prefix: /^[A-Za-z0-9!@/:.+|_-]+$/,
  quarantined: /^(?:true|false)$/,
  includeArchived: /^(?:true|false)$/,
  launchConfigId: /^[a-zA-Z0-9-]{1,38}$/,
  errorId: /^[a-zA-Z0-9_-]+$/,
  state: /^(?:requested|running|stopping|stopped|standalone)$/,
  workerState: /^(?:requested|running|stopping|stopped)$/,
  workerPoolId: /^(?:[a-zA-Z0-9/-]+)?$/,
} as const;

export type QueryOption = Exclude<keyof typeof QUERY, 'bewit'>;

/** Returns the query. Throws unless it has only `allowed` options, each at most once and with a valid value. */
export function checkQuery(
  method: string,
  allowed: readonly QueryOption[],
  query: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const known: readonly string[] = ['bewit', ...allowed];
  const problems = Object.entries(query).flatMap(([key, value]) => {
    if (!known.includes(key)) return [`${method} takes no query option ${key}.`];
    if (typeof value !== 'string') return [`The query option ${key} is there more than once.`];
    const pattern = QUERY[key as keyof typeof QUERY];
    return pattern.test(value) ? [] : [`${key}=${value} has to match ${String(pattern)}.`];
  });
  if (problems.length > 0) throw new ApiError('InvalidRequestArguments', problems.join('\n'));
  return query as Readonly<Record<string, string>>;
}
