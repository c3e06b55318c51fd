import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { schemaAssertion } from '../../util/own-schema.js';
import { readStateFile } from '../../util/state-file.js';

/** What the watchdog leaves for the next start when it ends the process. */
export interface StallRecord {
  /** ISO 8601. */
  readonly at: string;
  /** For how long the event loop had stood still. */
  readonly stalledMs: number;
  /** Where it stood, a frame on each line; or why that could not be found out. */
  readonly stack: string;
}

const SCHEMA = {
  type: 'object',
  properties: {
    at: { type: 'string', format: 'date-time' },
    stalledMs: { type: 'number' },
    stack: { type: 'string' },
  },
  required: ['at', 'stalledMs', 'stack'],
} as const;

const asStallRecord = schemaAssertion<StallRecord>(SCHEMA, 'record');

export function stallRecordPath(stateDir: string): string {
  return join(stateDir, 'stall.json');
}

/** Undefined when the worker before this one was not ended by its watchdog. Throws an Error when the file makes no sense. */
export async function readStallRecord(stateDir: string): Promise<StallRecord | undefined> {
  const text = await readStateFile(stallRecordPath(stateDir));
  return text === undefined ? undefined : asStallRecord(JSON.parse(text));
}

export async function removeStallRecord(stateDir: string): Promise<void> {
  await rm(stallRecordPath(stateDir), { force: true });
}
