import { Schema } from '../http/schema.js';

/**
 * What can go wrong with a call. The *effect* of a call is what the service does because of it (a task created, an
 * object stored); `effect` says whether it takes place, for faults that allow both.
 */
export type Fault =
  /** The request is carried out after `ms` milliseconds, or not at all if its connection closes before. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** The request is read and never answered. It has no effect unless `effect` is set. */
  | { readonly kind: 'hang'; readonly effect?: boolean }
  /** The answer is this HTTP status with an error body; there is no effect. */
  | { readonly kind: 'status'; readonly status: number }
  /** The answer is status 200 with an HTML page, as from a broken proxy. The effect takes place by default. */
  | { readonly kind: 'garbage'; readonly effect?: boolean }
  /** The connection is reset before the request has any effect. */
  | { readonly kind: 'reset-before' }
  /** The effect takes place, then the connection is reset without an answer. */
  | { readonly kind: 'reset-after' }
  /**
   * The effect takes place, then the connection ends after the headers and half of the body (an answer without a body
   * is not sent at all). An upload is reset after half of the request's body instead, and nothing is stored.
   */
  | { readonly kind: 'reset-mid-body' }
  /** The effect takes place; the answer's body is sent `bytes` bytes at a time, `ms` milliseconds apart. */
  | { readonly kind: 'slow'; readonly bytes: number; readonly ms: number };

export type FaultKind = Fault['kind'];

/** The calls that a rule applies to, and the fault it injects. */
export interface FaultRule {
  /** `<service>.<method>` or `objects.<GET|HEAD|PUT>`; a star stands for any text. */
  readonly call: string;
  readonly fault: Fault;
  /** The number of calls that the rule applies to: the first one by default; Infinity for all. */
  readonly times?: number;
  /** The number of matching calls that are let through first; 0 by default. */
  readonly skip?: number;
  /** Parameters that have to match (a star in them stands for any text), or a predicate on them. */
  readonly where?: CallParams | ((params: CallParams) => boolean);
}

/** For a method of a service: the parameters of its route by name. For an object: its `key`. */
export type CallParams = Readonly<Record<string, string>>;

/** A rule as JSON. */
export interface FaultRuleJson extends Omit<FaultRule, 'times' | 'where'> {
  readonly times?: number | 'always';
  readonly where?: CallParams;
}

const MILLISECONDS = { type: 'integer', minimum: 0, maximum: 2 ** 31 - 1 } as const;
const EFFECT = { type: 'boolean' } as const;

const variant = (kind: FaultKind, properties: object = {}, required: readonly string[] = []): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { kind: { const: kind }, ...properties },
  required: ['kind', ...required],
});

const VARIANTS: Readonly<Record<FaultKind, object>> = {
  latency: variant('latency', { ms: MILLISECONDS }, ['ms']),
  hang: variant('hang', { effect: EFFECT }),
  status: variant('status', { status: { type: 'integer', minimum: 200, maximum: 599 } }, ['status']),
  garbage: variant('garbage', { effect: EFFECT }),
  'reset-before': variant('reset-before'),
  'reset-after': variant('reset-after'),
  'reset-mid-body': variant('reset-mid-body'),
  slow: variant('slow', { bytes: { type: 'integer', minimum: 1 }, ms: MILLISECONDS }, ['bytes', 'ms']),
};

export const FAULT_RULE = new Schema<FaultRuleJson>('Fault Rule', {
  type: 'object',
  additionalProperties: false,
  properties: {
    call: { type: 'string', minLength: 1 },
    fault: {
      type: 'object',
      discriminator: { propertyName: 'kind' },
      required: ['kind'],
      oneOf: Object.values(VARIANTS),
    },
    times: { anyOf: [{ type: 'integer', minimum: 1 }, { const: 'always' }] },
    skip: { type: 'integer', minimum: 0 },
    where: { type: 'object', additionalProperties: { type: 'string' } },
  },
  required: ['call', 'fault'],
});
