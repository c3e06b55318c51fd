import { errorMessage } from '../../util/error-message.js';
import { ArchiveError } from './archive-error.js';

/** What a JSON file of an archive says. */
export function jsonOf(content: Buffer, name: string): unknown {
  try {
    return JSON.parse(content.toString('utf8')) as unknown;
  } catch (error) {
    throw new ArchiveError(`${name} is no JSON: ${errorMessage(error)}`, { cause: error });
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
