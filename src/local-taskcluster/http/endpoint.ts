import type { ScopeExpression } from '../../lib/queue/scopes.js';
import { ApiError } from './api-error.js';
import type { Schema } from './schema.js';

/** One request to a service, parsed and authenticated. */
export interface ApiCall<Input> {
  /** A parameter of the route; it matches that parameter's pattern. */
  readonly param: (name: RouteParameter) => string;
  readonly query: Readonly<Record<string, string>>;
  readonly input: Input;
  /** The caller's scopes, roles expanded. */
  readonly scopes: readonly string[];
  /** Throws InsufficientScopes, naming what is missing, unless the caller has the scopes. */
  readonly authorize: (needed: ScopeExpression) => void;
  /** Aborts when the caller hangs up or the server closes. */
  readonly closed: AbortSignal;
  /** How the caller reached this server, without a slash at the end. */
  readonly baseUrl: string;
}

export interface ApiReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; nothing is sent when it is undefined. */
  readonly body?: unknown;
}

/** One method of a service, as Taskcluster's references describe it: name, HTTP method, `<parameter>` route. */
export interface EndpointSpec<Input> {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly route: string;
  readonly query?: readonly string[];
  readonly input?: Schema<Input>;
  /** Checked on every reply of status 200 or 303: a mismatch is this server's bug and answers 500. */
  readonly output?: Schema<unknown>;
  /** Scopes that depend on the route alone; they are checked before the body is looked at. */
  readonly scopes?: (param: ApiCall<unknown>['param']) => ScopeExpression;
  /** The input must not be shown, not even in an error's answer. */
  readonly isConfidential?: boolean;
  readonly handle: (call: ApiCall<Input>) => ApiReply | Promise<ApiReply>;
}

export interface Endpoint extends Omit<EndpointSpec<unknown>, 'input' | 'handle'> {
  readonly takesInput: boolean;
  readonly run: (call: ApiCall<unknown>) => ApiReply | Promise<ApiReply>;
}

/** Binds an endpoint's handler to its schemas; scopes come before the body, as in the real services. */
export function endpoint<Input>({ input: schema, handle, ...spec }: EndpointSpec<Input>): Endpoint {
  return {
    ...spec,
    takesInput: schema !== undefined,
    run: (call) => {
      if (spec.scopes) call.authorize(spec.scopes(call.param));
      return handle({ ...call, input: parseInput(schema, call.input) });
    },
  };
}

function parseInput<Input>(schema: Schema<Input> | undefined, body: unknown): Input {
  // Without a schema Input is only ever undefined: nobody looks at it.
  if (!schema) return undefined as Input;
  const checked = schema.check(body);
  if ('value' in checked) return checked.value;
  const problems = checked.problems.map((problem) => `  * ${problem}`).join('\n');
  throw new ApiError('InputValidationError', `The request does not match the schema "${schema.title}":\n${problems}`);
}

const IDENTIFIER = /^[a-zA-Z0-9_-]{1,38}$/;
const SLUGID = /^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/;
const TWO_IDENTIFIERS = /^[a-zA-Z0-9_-]{1,38}\/[a-zA-Z0-9_-]{1,38}$/;
const INDEX_PATH = /^(?=.{1,255}$)([a-zA-Z0-9_!~*'()%-]+\.)*[a-zA-Z0-9_!~*'()%-]+$/;
const PARAMETERS = {
  taskId: SLUGID,
  taskGroupId: SLUGID,
  runId: /^(0|[1-9][0-9]{0,3})$/,
  name: /^[\x20-\x7e]+$/,
  taskQueueId: TWO_IDENTIFIERS,
  workerPoolId: TWO_IDENTIFIERS,
  workerGroup: IDENTIFIER,
  workerId: IDENTIFIER,
  // The root, where tasks can't be, is listed with an empty one.
  namespace: /^(?=.{0,255}$)(?:$|(?:[a-zA-Z0-9_!~*'()%-]+\.)*[a-zA-Z0-9_!~*'()%-]+$)/,
  indexPath: INDEX_PATH,
} as const;

export type RouteParameter = keyof typeof PARAMETERS;

const WITH_SLASHES: readonly string[] = ['name', 'taskQueueId', 'workerPoolId'];

/** Whether a parameter's slashes may come as they are: at the end of its route. Elsewhere they have to be encoded. */
function takesRest(route: string, name: string): boolean {
  return WITH_SLASHES.includes(name) && route.endsWith(`<${name}>`);
}

/** Fastify's spelling of a `<parameter>` route. */
export function fastifyRoute(route: string): string {
  return route.replace(/<(\w+)>/g, (_, name: string) => (takesRest(route, name) ? '*' : `:${name}`));
}

/** The route's parameters by name, from what Fastify matched. */
export function namedParams(
  route: string,
  matched: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const names = [...route.matchAll(/<(\w+)>/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, matched[takesRest(route, name) ? '*' : name] ?? '']));
}

/** The same; throws InvalidRequestArguments for a parameter that breaks its pattern. */
export function checkParams(
  route: string,
  matched: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
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
