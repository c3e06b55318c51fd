import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import { makeDirectory } from '../../src/lib/util/make-directory.js';

/** AMI ids by region. */
export type Amis = Readonly<Record<string, string>>;

/** The results of one build, as a file in deploy/amis holds them. */
export interface AmiRecord {
  readonly target: string;
  readonly amiName: string;
  readonly isTest: boolean;
  readonly rootUrl: string;
  readonly built: string;
  /** AMIs by the builder's name in the packer template, such as `hvm-builder`. */
  readonly builders: Readonly<Record<string, Amis>>;
}

/** Writes a record beside those of earlier builds, and returns its file. */
export async function writeRecord(directory: string, record: AmiRecord): Promise<string> {
  await makeDirectory(directory);
  const file = join(directory, `${record.amiName}.json`);
  await writeFile(file, `${JSON.stringify(record, null, 2)}\n`);
  return file;
}

export async function readRecord(file: string): Promise<AmiRecord> {
  const record = await readJson<Partial<AmiRecord>>(file);
  if (typeof record.built === 'string' && typeof record.builders === 'object') return record as AmiRecord;
  throw new DeployError(`${file} is not a record that deploy/bin/build wrote.`);
}

/** Returns the records in a directory, newest first; none when there is no such directory. */
export async function readRecords(directory: string): Promise<readonly AmiRecord[]> {
  const names = await namesIn(directory);
  const records = await Promise.all(names.map((name) => readRecord(join(directory, name))));
  return records.sort((one, other) => Date.parse(other.built) - Date.parse(one.built));
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function readJson<T>(file: string): Promise<T> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (error) {
    throw new DeployError(`${file} could not be read as JSON.`, { cause: error });
  }
}
