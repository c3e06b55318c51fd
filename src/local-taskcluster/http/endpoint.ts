import type { ScopeExpression } from '../../lib/queue/scopes.js';
import type { Authenticator, Identity } from '../auth/authenticator.js';
import { ApiError } from './api-error.js';
import type { QueryOption, RouteParameter } from './route.js';
import type { Schema } from './schema.js';

/** One request to a service, parsed and authenticated. */
export interface ApiCall<Input> {
  /** Returns a parameter of the route; it matches that parameter's pattern. */
  readonly param: (name: RouteParameter) => string;
  readonly query: Readonly<Record<string, string>>;
  readonly input: Input;
  /** The caller's scopes, with roles expanded. */
  readonly scopes: readonly string[];
  /** Undefined for a caller without credentials. */
  readonly clientId: string | undefined;
  /** Returns the caller's identity according to another authenticator; rejects with a 401. */
  readonly identifyBy: (authenticator: Authenticator) => Promise<Identity>;
  /** Throws InsufficientScopes, naming the missing scopes, unless the caller has the scopes. */
  readonly authorize: (needed: ScopeExpression) => void;
  /** Aborts when the caller closes the connection or the server closes. */
  readonly closed: AbortSignal;
  /** The address through which the caller reached this server, without a trailing slash. */
  readonly baseUrl: string;
}

export interface ApiReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined sends no body. */
  readonly body?: unknown;
  /** The body is another deployment's, which may be newer, and is not checked against the schema. */
  readonly isPassedOn?: boolean;
}

/** One method of a service, as Taskcluster's references describe it: name, HTTP method, `<parameter>` route. */
export interface EndpointSpec<Input> {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly route: string;
  readonly query?: readonly QueryOption[];
  readonly input?: Schema<Input>;
  /** Checked on every reply of status 200 or 303: a mismatch is a bug of this server and answers 500. */
  readonly output?: Schema<unknown>;
  /** Scopes that depend on the route alone; they are checked before the body. */
  readonly scopes?: (param: ApiCall<unknown>['param']) => ScopeExpression;
  /** Credentials are not checked before the call: every caller is anonymous. */
  readonly isOpen?: boolean;
  /** The input must not be shown, not even in an error message. */
  readonly isConfidential?: boolean;
  readonly handle: (call: ApiCall<Input>) => ApiReply | Promise<ApiReply>;
}

export interface Endpoint extends Omit<EndpointSpec<unknown>, 'handle'> {
  readonly run: (call: ApiCall<unknown>) => ApiReply | Promise<ApiReply>;
}

/** Binds an endpoint's handler to its schemas; scopes are checked before the body, as in the real services. */
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
  // Without a schema, Input is always undefined and the handler does not use it.
  if (!schema) return undefined as Input;
  const checked = schema.check(body);
  if ('value' in checked) return checked.value;
  const problems = checked.problems.map((problem) => `  * ${problem}`).join('\n');
  throw new ApiError('InputValidationError', `The request does not match the schema "${schema.title}":\n${problems}`);
}
