import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { schemaAssertion } from '../../util/own-schema.js';
import { readStateFile } from '../../util/state-file.js';

/** What the watchdog records for the next start when it ends the process. */
export interface StallRecord {
  /** ISO 8601. */
  readonly at: string;
  /** How long the event loop was stalled. */
  readonly stalledMs: number;
  /** The main thread's stack, one frame per line; or why it could not be read. */
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

/** Returns undefined if the watchdog did not end the previous worker. Throws an Error if the file is invalid. */
export async function readStallRecord(stateDir: string): Promise<StallRecord | undefined> {
  const text = await readStateFile(stallRecordPath(stateDir));
  return text === undefined ? undefined : asStallRecord(JSON.parse(text));
}

export async function removeStallRecord(stateDir: string): Promise<void> {
  await rm(stallRecordPath(stateDir), { force: true });
}
