import { IMAGE_FACTS_SCHEMA, IMAGE_IDENTITY_SCHEMA } from '../images/image-provider.js';
import type { ImageFacts } from '../images/image-provider.js';
import type { ProcessIdentity } from '../util/process-identity.js';
import { EXCEPTION_REASONS } from '../outcome/resolution.js';
import type { Claim, Credentials, TaskDefinition } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { schemaAssertion } from '../util/own-schema.js';
import type { Resolution } from '../outcome/resolution.js';
import type { Contribution } from './feature.js';

/** The phases of a run, in order. */
const PHASES = ['claimed', 'admit', 'prepare', 'compile', 'execute', 'collect', 'finish', 'report', 'cleanup'] as const;
export type Phase = (typeof PHASES)[number];

/** The version of the records that this worker writes. */
export const RECORD_VERSION = 2;

/** The live log of a run: its address, and the secret that is part of it. */
export interface LiveFacts {
  readonly url: string;
  readonly token: string;
}

const ENDING_CAUSES = ['exit', 'max-run-time', 'log-full'] as const;

/** How the container of a run ended. */
export interface EndingFacts {
  readonly exitCode: number;
  /** Absent: unknown. */
  readonly oomKilled?: boolean;
  /** Whether it exited by itself, or why the worker killed it. */
  readonly cause: (typeof ENDING_CAUSES)[number];
}

/** The result of a run once everything is collected; its log is closed. */
export interface OutcomeFacts {
  readonly soFar: Resolution;
  /** The image that the container ran; absent if it did not run to its end. */
  readonly image?: Omit<ImageFacts, 'localName'>;
  /** What was uploaded, by artifact name; `sha256` is of the content, in hex. */
  readonly manifest?: Readonly<Record<string, { readonly sha256: string }>>;
}

/** What only a worker that continues the run needs. All of it is removed once the run is resolved. */
export interface RunFacts {
  /** The definition as claimed. */
  readonly task?: TaskDefinition | undefined;
  readonly image?: ImageFacts | undefined;
  readonly live?: LiveFacts | undefined;
  /** The features of the run, by name, with what the `prepare` of those with `adopt` returned. */
  readonly prepared?: Readonly<Record<string, Contribution>> | undefined;
  /** When the run's log was opened. ISO 8601, in this machine's clock. */
  readonly openedAt?: string | undefined;
  /** The process that keeps the container's output; absent: the engine does. */
  readonly keeper?: ProcessIdentity | undefined;
  readonly ended?: EndingFacts | undefined;
  readonly outcome?: OutcomeFacts | undefined;
  /** When a worker last continued the run of one that died. ISO 8601, in this machine's clock. */
  readonly adoptedAt?: string | undefined;
  /** How many workers in a row died soon after they continued this run, which may be the cause. */
  readonly quickDeaths?: number | undefined;
  /** The size of the log when a worker last continued the run. */
  readonly logBytes?: number | undefined;
}

/** The durable facts of a run: what a worker that starts after a crash needs to know about it. */
export interface RunRecord extends RunFacts {
  /** Absent: written by an earlier release, which recorded none of RunFacts but `prepared`. */
  readonly version?: number;
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
  readonly containerId?: string | undefined;
  /** The worker was killed because it had stalled for so long, and this run may be the cause. */
  readonly stalledMs?: number;
}

type Resumed =
  'directory' | 'log' | 'containerId' | 'live' | 'openedAt' | 'prepared' | 'image' | 'keeper' | 'ended' | 'outcome';

/** What the phases of a run resume from, after its worker died. */
export interface ResumeFacts extends Pick<RunRecord, Resumed> {
  /** When the previous worker was last alive. ISO 8601; absent: the run is not resumed. */
  readonly lastSeen?: string;
}

/** The changes to a record once its run is resolved: its secrets are removed, and what nothing needs any more. */
export const ONCE_RESOLVED: Readonly<Record<keyof RunFacts | 'credentials', undefined>> = {
  credentials: undefined,
  task: undefined,
  image: undefined,
  live: undefined,
  prepared: undefined,
  openedAt: undefined,
  keeper: undefined,
  ended: undefined,
  outcome: undefined,
  adoptedAt: undefined,
  quickDeaths: undefined,
  logBytes: undefined,
};

const TEXT = { type: 'string', minLength: 1 } as const;
const TIME = { type: 'string', format: 'date-time' } as const;

const RESOLUTION = {
  type: 'object',
  oneOf: [
    { properties: { kind: { enum: ['completed', 'failed', 'dropped'] } }, required: ['kind'] },
    {
      properties: { kind: { const: 'exception' }, reason: { enum: EXCEPTION_REASONS } },
      required: ['kind', 'reason'],
    },
  ],
} as const;

/** What every record has, whatever its version. */
const REQUIRED = {
  taskId: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
  runId: { type: 'integer', minimum: 0 },
  workerGroup: TEXT,
  workerId: TEXT,
  takenUntil: TIME,
  clockSkewMs: { type: 'number' },
  expires: TIME,
  phase: { type: 'string', enum: PHASES },
} as const;

/** With this a run can be resolved worker-shutdown and cleaned up, whatever else is in its record. */
const ENOUGH_TO_REPORT = {
  credentials: {
    type: 'object',
    properties: { clientId: TEXT, accessToken: TEXT, certificate: { type: 'string' } },
    required: ['clientId', 'accessToken'],
  },
  directory: TEXT,
  log: { type: 'object', properties: { name: TEXT, isLive: { type: 'boolean' } }, required: ['name', 'isLive'] },
  containerId: TEXT,
  stalledMs: { type: 'number' },
} as const;

const FACTS = {
  task: {
    type: 'object',
    properties: { scopes: { type: 'array', items: { type: 'string' } }, expires: TEXT },
    required: ['scopes', 'expires'],
  },
  image: IMAGE_FACTS_SCHEMA,
  live: { type: 'object', properties: { url: TEXT, token: TEXT }, required: ['url', 'token'] },
  prepared: { type: 'object', additionalProperties: { type: 'object' } },
  openedAt: TIME,
  keeper: {
    type: 'object',
    properties: { pid: { type: 'integer', minimum: 1 }, startTicks: TEXT, bootId: TEXT },
    required: ['pid', 'startTicks', 'bootId'],
  },
  ended: {
    type: 'object',
    properties: {
      exitCode: { type: 'integer' },
      oomKilled: { type: 'boolean' },
      cause: { type: 'string', enum: ENDING_CAUSES },
    },
    required: ['exitCode', 'cause'],
  },
  outcome: {
    type: 'object',
    properties: {
      soFar: RESOLUTION,
      image: IMAGE_IDENTITY_SCHEMA,
      manifest: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { sha256: TEXT }, required: ['sha256'] },
      },
    },
    required: ['soFar'],
  },
  adoptedAt: TIME,
  quickDeaths: { type: 'integer', minimum: 0 },
  logBytes: { type: 'integer', minimum: 0 },
} as const;

const asVersioned = schemaAssertion<{ readonly version?: number; readonly phase?: unknown }>(
  { type: 'object', properties: { version: { type: 'number' } } },
  'record',
);
const asRunRecord = schemaAssertion<RunRecord>(
  {
    type: 'object',
    properties: { ...REQUIRED, ...ENOUGH_TO_REPORT, resolution: RESOLUTION, ...FACTS },
    required: Object.keys(REQUIRED),
  },
  'record',
);
const asRequired = schemaAssertion<RunRecord>(
  { type: 'object', properties: REQUIRED, required: Object.keys(REQUIRED) },
  'record',
);
const optionalFields = Object.entries(ENOUGH_TO_REPORT).map(
  ([name, schema]) => [name, schemaAssertion<unknown>(schema, name)] as const,
);

/** Returns the record of a run that has just been claimed. */
export function newRunRecord(claim: Claim): RunRecord {
  const { taskId, runId, workerGroup, workerId, takenUntil, clockSkewMs, credentials, task } = claim;
  return {
    version: RECORD_VERSION,
    taskId,
    runId,
    workerGroup,
    workerId,
    takenUntil: takenUntil.toISOString(),
    clockSkewMs,
    expires: task.expires,
    credentials,
    phase: 'claimed',
    task,
  };
}

/** Definitions never change, and the largest have about 1 MB: each is made text once. */
const definitionTexts = new WeakMap<TaskDefinition, string>();

/** Returns the record as JSON, in one line. */
export function runRecordText({ task, ...rest }: RunRecord): string {
  const text = JSON.stringify(rest);
  if (task === undefined) return text;
  const definition = definitionTexts.get(task) ?? JSON.stringify(task);
  definitionTexts.set(task, definition);
  return `${text.slice(0, -1)},"task":${definition}}`;
}

/**
 * Parses a record, which may be another version's or damaged. When it can't be relied on, only what is needed to
 * resolve the run worker-shutdown is returned, without RunFacts and resolution, and `onReduced` is called with the
 * reason. Throws an Error that says what is wrong if even that is missing.
 */
export function parseRunRecord(text: string, onReduced: (reason: string) => void = () => undefined): RunRecord {
  const value = parseJson(text);
  const { version } = asVersioned(value);
  if (version === undefined) return asRunRecord(value);
  if (version !== RECORD_VERSION) {
    const record = reduced(value);
    onReduced(`its version is ${version}; this worker knows ${RECORD_VERSION}`);
    return record;
  }
  try {
    return asRunRecord(value);
  } catch (error) {
    const record = reduced(value);
    onReduced(errorMessage(error));
    return record;
  }
}

/** The error of JSON.parse quotes the text, which has secrets. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is not valid JSON');
  }
}

/** Returns the fields that are enough to report the run, as far as they are valid. */
function reduced(value: unknown): RunRecord {
  const given = asVersioned(value);
  // A phase of another version, or none. In this one, the worker waits for the container: no stall is blamed on that.
  const phase: Phase = PHASES.find((known) => known === given.phase) ?? 'execute';
  const all: Readonly<Record<string, unknown>> = { ...asRequired({ ...given, phase }) };
  const kept = Object.keys(REQUIRED).map((name) => [name, all[name]] as const);
  const valid = optionalFields.flatMap(([name, assertion]) => {
    try {
      return [[name, assertion(all[name])] as const];
    } catch {
      return [];
    }
  });
  return { version: given.version, ...Object.fromEntries([...kept, ...valid]) } as RunRecord;
}
