import { tmpdir } from 'node:os';
import { errorMessage } from '../../lib/util/error-message.js';
import { TempDir } from '../../lib/util/temp-dir.js';
import { assertArtifactDirectory } from '../../local-run/save-artifacts.js';
import { readCheckout } from '../checkout/checkout.js';
import { NoTasksForEvent } from '../events/no-tasks-for-event.js';
import { findContainerHost } from '../graph/container-host.js';
import { NO_TASKS } from '../graph/exit-code.js';
import { CiInputError } from '../model.js';
import { changes } from '../watch/watch.js';
import { announcement } from './announce.js';
import { runAgain, runEvent } from './execute.js';
import { WRONG_INPUT } from './exit-codes.js';
import { freePort } from './free-port.js';
import { prepare } from './prepare.js';
import type { Place } from './prepare.js';
import { tell } from './program.js';
import type { Program } from './program.js';
import { userEnvironment } from './run-setup.js';
import type { RunContext } from './run-setup.js';
import { readSecrets } from './secrets.js';
import type { Settings } from './settings.js';
import { noTasks } from './show.js';
import { configOf, rootUrlIn, upstreamIn } from './told-settings.js';
import { watchLoop } from './watch-loop.js';

/** Runs tasks: once, again, or after each change. Returns the exit code; throws as runLocalCi does. */
export async function runCommand(place: Place, settings: Settings, program: Program): Promise<number> {
  const { rerun, watch } = settings.given;
  const context = await contextOf(settings, program);
  if (rerun !== undefined) return await runAgain(place.directory, rerun, context);
  return watch === true ? await runWatching(place, context) : await runOnce(place, context, program.canceled);
}

async function contextOf(settings: Settings, program: Program): Promise<RunContext> {
  const { given } = settings;
  if (given.artifacts !== undefined) await assertArtifactDirectory(given.artifacts);
  const config = await configOf(settings, program);
  const upstream = upstreamIn(settings, program);
  const [secrets, environment] = [await readSecrets(given, program.env), await userEnvironment(settings)];
  const host = await findContainerHost(program.env, config);
  return { settings, program, config, upstream, secrets, environment, host };
}

async function runOnce(place: Place, context: RunContext, signal: AbortSignal): Promise<number> {
  const { settings, program, host } = context;
  const given = rootUrlIn(settings, program);
  // Tasks may have the address of the local Taskcluster in them, so its port is chosen before they are rendered.
  const port = given === undefined ? await freePort(host.address) : undefined;
  const prepared = await prepare(place, settings, program, given ?? `http://${host.address}:${port ?? 0}`);
  if (prepared.graph.tasks.length === 0) return noTasks(prepared, program);
  for (const line of announcement(prepared)) tell(program, line);
  return await runEvent(prepared, context, { port, signal });
}

async function runWatching(place: Place, context: RunContext): Promise<number> {
  const { program, settings } = context;
  const { env, canceled: signal } = program;
  const directory = await TempDir.create(tmpdir(), 'local-ci-watch-');
  const headOnly = settings.given.head === true;
  const checkout = await readCheckout(place.directory, { headOnly, environment: env, signal });
  const onSlow = (text: string): void => {
    tell(program, text);
  };
  try {
    return await watchLoop({
      run: (stop) => runTelling(place, context, stop),
      changes: changes(checkout, { env, directory: directory.path, headOnly, onSlow }, signal),
      onIdle: () => {
        tell(program, 'waiting for changes; Ctrl-C ends it');
      },
      onChange: (isInterrupted) => {
        tell(program, isInterrupted ? 'the files have changed: canceled, and running again' : 'the files have changed');
      },
      signal,
    });
  } finally {
    await directory.dispose();
  }
}

/** A file that is wrong can be mended: the next change tries again. */
async function runTelling(place: Place, context: RunContext, signal: AbortSignal): Promise<number> {
  try {
    return await runOnce(place, context, signal);
  } catch (error) {
    if (error instanceof CiInputError || error instanceof NoTasksForEvent) {
      tell(context.program, errorMessage(error));
      return error instanceof CiInputError ? WRONG_INPUT : NO_TASKS;
    }
    throw error;
  }
}
