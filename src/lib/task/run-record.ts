import { EXCEPTION_REASONS } from '../outcome/resolution.js';
import type { Claim, Credentials } from '../queue/queue-client.js';
import { schemaAssertion } from '../util/own-schema.js';
import type { Resolution } from '../outcome/resolution.js';
import type { Contribution } from './feature.js';

/** The phases of a run, in order. */
const PHASES = ['claimed', 'admit', 'prepare', 'compile', 'execute', 'collect', 'finish', 'report', 'cleanup'] as const;
export type Phase = (typeof PHASES)[number];

/** The durable facts of a run: what a worker that starts after a crash needs to know about it. */
export interface RunRecord {
  readonly taskId: string;
  readonly runId: number;
  readonly workerGroup: string;
  readonly workerId: string;
  /** ISO 8601, in this machine's clock. */
  readonly takenUntil: string;
  readonly clockSkewMs: number;
  /** When the task expires, and its artifacts with it. ISO 8601. */
  readonly expires: string;
  /** Removed as soon as the run is resolved. */
  readonly credentials?: Credentials | undefined;
  readonly phase: Phase;
  /** How the run ended, once that is decided and everything it publishes is uploaded: only the report is left. */
  readonly resolution?: Resolution;
  /** Directory of the run's log and temporary files. */
  readonly directory?: string;
  /** The log artifact's name, and whether there is a live log. */
  readonly log?: { readonly name: string; readonly isLive: boolean };
  /** What the `prepare` of each feature with `adopt` returned, by the feature's name; gone once the run is resolved. */
  readonly prepared?: Readonly<Record<string, Contribution>> | undefined;
  readonly containerId?: string;
  /** The worker was killed because it had stalled for so long, and this run may be the cause. */
  readonly stalledMs?: number;
}

/** What a worker that died recorded of a run, for the worker that resumes the run. */
export type RunFacts = Pick<RunRecord, 'prepared'>;

const TEXT = { type: 'string', minLength: 1 } as const;
const TIME = { type: 'string', format: 'date-time' } as const;

const SCHEMA = {
  type: 'object',
  properties: {
    taskId: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
    runId: { type: 'integer', minimum: 0 },
    workerGroup: TEXT,
    workerId: TEXT,
    takenUntil: TIME,
    clockSkewMs: { type: 'number' },
    expires: TIME,
    credentials: {
      type: 'object',
      properties: { clientId: TEXT, accessToken: TEXT, certificate: { type: 'string' } },
      required: ['clientId', 'accessToken'],
    },
    phase: { type: 'string', enum: PHASES },
    resolution: {
      type: 'object',
      oneOf: [
        { properties: { kind: { enum: ['completed', 'failed', 'dropped'] } }, required: ['kind'] },
        {
          properties: { kind: { const: 'exception' }, reason: { enum: EXCEPTION_REASONS } },
          required: ['kind', 'reason'],
        },
      ],
    },
    directory: TEXT,
    log: { type: 'object', properties: { name: TEXT, isLive: { type: 'boolean' } }, required: ['name', 'isLive'] },
    prepared: { type: 'object', additionalProperties: { type: 'object' } },
    containerId: TEXT,
    stalledMs: { type: 'number' },
  },
  required: ['taskId', 'runId', 'workerGroup', 'workerId', 'takenUntil', 'clockSkewMs', 'expires', 'phase'],
} as const;

const asRunRecord = schemaAssertion<RunRecord>(SCHEMA, 'record');

/** Returns the record of a run that has just been claimed. */
export function newRunRecord(claim: Claim): RunRecord {
  const { taskId, runId, workerGroup, workerId, takenUntil, clockSkewMs, credentials, task } = claim;
  return {
    taskId,
    runId,
    workerGroup,
    workerId,
    takenUntil: takenUntil.toISOString(),
    clockSkewMs,
    expires: task.expires,
    credentials,
    phase: 'claimed',
  };
}

/** Parses a record, which may be another version's or truncated. Throws an Error that says what is wrong. */
export function parseRunRecord(text: string): RunRecord {
  return asRunRecord(JSON.parse(text));
}
