import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

/** The names of variables that docs/environment.md tells of. */
export interface EnvironmentTables {
  /** Those that every task has from the worker. */
  readonly always: readonly string[];
  /** Those that tasks have that ask for something. */
  readonly onDemand: readonly string[];
}

export async function environmentTables(): Promise<EnvironmentTables> {
  const page = await readFile('docs/environment.md', 'utf8');
  const [, section = ''] = /^## Environment variables\n([\s\S]*?)^## /m.exec(page) ?? [];
  const [first, second] = section.split(/^Tasks that use these features/m).map(namesInTable);
  assert.ok(first?.length && second?.length, 'the tables of docs/environment.md are not found any more');
  return { always: first, onDemand: second };
}

function namesInTable(text: string): readonly string[] {
  return [...text.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, name = '']) => name);
}
