import { shorten } from '../../lib/util/shorten.js';
import { CiInputError } from '../model.js';
import type { Setting } from './options.js';

const SHOWN_LENGTH = 60;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Returns the variables of a file: `NAME=value` or `export NAME=value`, one a line, in quotes or without; lines that
 * begin with # are comments. Nothing in a value is replaced. Throws a CiInputError that names the line.
 */
export function parseEnvFile(text: string, path: string): readonly Setting[] {
  return text.split('\n').flatMap((written, index) => {
    const line = written.trim();
    if (line === '' || line.startsWith('#')) return [];
    return [settingOf(line, `--env-file ${path}, line ${index + 1}`)];
  });
}

function settingOf(line: string, place: string): Setting {
  const equals = line.indexOf('=');
  const name = line
    .slice(0, Math.max(equals, 0))
    .replace(/^export\s+/, '')
    .trim();
  // The value may be a secret: only what stands before it is shown.
  if (!NAME.test(name)) {
    const shown = equals < 0 ? '' : ` (${JSON.stringify(shorten(name, SHOWN_LENGTH))} is no name of a variable)`;
    throw new CiInputError(`${place}: expected NAME=value${shown}`);
  }
  return [name, unquoted(line.slice(equals + 1).trim())];
}

function unquoted(value: string): string {
  const [first = ''] = value;
  const isQuoted = value.length >= 2 && (first === '"' || first === "'") && value.endsWith(first);
  return isQuoted ? value.slice(1, -1) : value;
}
