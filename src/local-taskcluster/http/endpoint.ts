import type { ScopeExpression } from '../../lib/queue/scopes.js';
import type { Authenticator, Identity } from '../auth/authenticator.js';
import { ApiError } from './api-error.js';
import type { QueryOption, RouteParameter } from './route.js';
import type { Schema } from './schema.js';

/** One request to a service, parsed and authenticated. */
export interface ApiCall<Input> {
  /** A parameter of the route; it matches that parameter's pattern. */
  readonly param: (name: RouteParameter) => string;
  readonly query: Readonly<Record<string, string>>;
  readonly input: Input;
  /** The caller's scopes, roles expanded. */
  readonly scopes: readonly string[];
  /** Undefined for a caller without credentials. */
  readonly clientId: string | undefined;
  /** Who calls in the eyes of another authenticator; rejects with a 401. */
  readonly identifyBy: (authenticator: Authenticator) => Promise<Identity>;
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
  readonly query?: readonly QueryOption[];
  readonly input?: Schema<Input>;
  /** Checked on every reply of status 200 or 303: a mismatch is this server's bug and answers 500. */
  readonly output?: Schema<unknown>;
  /** Scopes that depend on the route alone; they are checked before the body is looked at. */
  readonly scopes?: (param: ApiCall<unknown>['param']) => ScopeExpression;
  /** Its callers' credentials are not looked at before it is called: they are those of everybody. */
  readonly isOpen?: boolean;
  /** The input must not be shown, not even in an error's answer. */
  readonly isConfidential?: boolean;
  readonly handle: (call: ApiCall<Input>) => ApiReply | Promise<ApiReply>;
}

export interface Endpoint extends Omit<EndpointSpec<unknown>, 'handle'> {
  readonly run: (call: ApiCall<unknown>) => ApiReply | Promise<ApiReply>;
}

/** Binds an endpoint's handler to its schemas; scopes come before the body, as in the real services. */
export function endpoint<Input>({ input: schema, handle, ...spec }: EndpointSpec<Input>): Endpoint {
  return {
    ...spec,
    ...(schema && { input: schema }),
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
