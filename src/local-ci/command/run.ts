import { placeOf } from './prepare.js';
import type { Program } from './program.js';
import type { Invocation } from './parse.js';
import { settingsOf } from './settings.js';
import { show } from './show.js';

/**
 * Does what the command line says. Returns the exit code. Throws a CiInputError, a ConfigError or a DirectoryError for
 * what the user has to change, and NoTasksForEvent.
 */
export async function runLocalCi(invocation: Extract<Invocation, { kind: 'ci' }>, program: Program): Promise<number> {
  const place = placeOf(invocation.path, program.currentDirectory);
  const settings = await settingsOf(invocation, place.directory, program);
  const { list, json, graph, dryRun } = settings.given;
  if (list ?? json ?? graph ?? dryRun) return await show(place, settings, program);
  // Whoever only lists tasks need not wait for all that runs them to be loaded.
  const { runCommand } = await import('./run-command.js');
  return await runCommand(place, settings, program);
}
