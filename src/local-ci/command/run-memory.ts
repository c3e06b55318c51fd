import { join } from 'node:path';
import { schemaAssertion } from '../../lib/util/own-schema.js';
import { readStateFile, replaceStateFile } from '../../lib/util/state-file.js';

/** What a repetition of a run needs to know besides its tasks. */
export interface RunMemory {
  /** The event in words. */
  readonly title: string;
  /** The commit that ran, which the tasks fetch again. */
  readonly commit: string;
  /** The refs that point at it. */
  readonly refs: readonly string[];
  /** The port of the local Taskcluster, if its address is part of the tasks. */
  readonly port?: number;
}

const VERSION = 1;
const FILE = 'local-ci.json';

const asMemory = schemaAssertion<RunMemory & { readonly version: number }>(
  {
    type: 'object',
    properties: {
      version: { const: VERSION },
      title: { type: 'string' },
      commit: { type: 'string', pattern: '^[0-9a-f]{40}$' },
      refs: { type: 'array', items: { type: 'string' } },
      port: { type: 'integer', minimum: 1, maximum: 65_535 },
    },
    required: ['version', 'title', 'commit', 'refs'],
  },
  FILE,
);

/** Writes it into the folder of the run. */
export async function keepMemory(folder: string, memory: RunMemory): Promise<void> {
  await replaceStateFile(join(folder, FILE), JSON.stringify({ version: VERSION, ...memory }));
}

/** Returns what the folder of a run has; undefined if it is missing, damaged, or of another version. */
export async function readMemory(folder: string): Promise<RunMemory | undefined> {
  const text = await readStateFile(join(folder, FILE));
  if (text === undefined) return undefined;
  try {
    return asMemory(JSON.parse(text));
  } catch {
    return undefined;
  }
}
