import { access, constants, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../../util/error-message.js';
import { DISPLAY_TOOLS } from './container-scripts.js';

/**
 * Where the programs for displays are, through all links; undefined: the operator has no such directory. Fails, in words,
 * when there is one that does not serve.
 */
export async function findDisplayTools(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    if (real.includes(':')) throw new Error('its path has a colon in it, so that docker cannot mount it');
    for (const tool of Object.values(DISPLAY_TOOLS)) await mustBeProgram(join(real, tool));
    return real;
  } catch (error) {
    if (isMissing(error, path)) return undefined;
    const fault = `interactive.displayPath: ${path}: ${errorMessage(error)}`;
    const remedy = `It has to hold the programs ${Object.values(DISPLAY_TOOLS).join(' and ')}`;
    throw new Error(`${fault}. ${remedy}.`, { cause: error });
  }
}

async function mustBeProgram(path: string): Promise<void> {
  if (!(await stat(path)).isFile()) throw new Error(`${path} is not a file`);
  await access(path, constants.X_OK);
}

function isMissing(error: unknown, path: string): boolean {
  const { code, path: missing } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' && missing === path;
}
