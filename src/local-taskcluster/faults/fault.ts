import { Schema } from '../http/schema.js';

/**
 * What may go wrong with a call. Its *effect* is what the service does because of it (a task created, an object stored);
 * `effect` says whether that happens where both can be.
 */
export type Fault =
  /** The request is carried out `ms` later, or not at all if its connection closes before. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** The request is read and never answered. Without effect unless it is asked for. */
  | { readonly kind: 'hang'; readonly effect?: boolean }
  /** This HTTP status with an error body, and no effect. */
  | { readonly kind: 'status'; readonly status: number }
  /** Status 200 with a page of HTML in place of the answer, as from a broken proxy. The effect took place by default. */
  | { readonly kind: 'garbage'; readonly effect?: boolean }
  /** The connection is reset before the request has any effect. */
  | { readonly kind: 'reset-before' }
  /** The effect takes place, then the connection is reset without an answer. */
  | { readonly kind: 'reset-after' }
  /**
   * The effect takes place, then the connection ends after the head and half of the body (an answer without a body is not
   * sent at all). An upload is reset after half of the request's body instead, and nothing is stored.
   */
  | { readonly kind: 'reset-mid-body' }
  /** The effect takes place; the body of the answer comes `bytes` at a time with `ms` between them. */
  | { readonly kind: 'slow'; readonly bytes: number; readonly ms: number };

export type FaultKind = Fault['kind'];

/** Which calls a rule is for, and what happens to them. */
export interface FaultRule {
  /** `<service>.<method>` or `objects.<GET|HEAD|PUT>`; a star stands for any text. */
  readonly call: string;
  readonly fault: Fault;
  /** How many calls it happens to, the first one when not given; Infinity for all. */
  readonly times?: number;
  /** How many calls that match are let through before; none when not given. */
  readonly skip?: number;
  /** Parameters that have to match, a star in them standing for any text; or a test of them. */
  readonly where?: CallParams | ((params: CallParams) => boolean);
}

/** Of a service's method: those of its route by name. Of an object: its `key`. */
export type CallParams = Readonly<Record<string, string>>;

/** A rule as JSON has it. */
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
