import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../../lib/util/error-message.js';
import { ResourceStack } from '../../lib/util/resource-stack.js';
import { readCheckout } from '../checkout/checkout.js';
import { localRoles } from '../graph/local-roles.js';
import { rerunGraph } from '../graph/rerun-graph.js';
import type { Rerun } from '../graph/rerun-graph.js';
import { runGraph } from '../graph/run-graph.js';
import type { GraphResult, RunOptions } from '../graph/run-options.js';
import { readRecord } from '../graph/run-record.js';
import { freePort, isFree } from './free-port.js';
import type { Prepared } from './prepare.js';
import { tell } from './program.js';
import type { Program } from './program.js';
import { RECORD, lastRunFolder, newRunFolder, runFolders } from './run-folder.js';
import { keepMemory, readMemory } from './run-memory.js';
import type { RunMemory } from './run-memory.js';
import { setUpRun } from './run-setup.js';
import type { RunContext, RunPlan } from './run-setup.js';
import { hasCommit, servedCommit } from './served-commit.js';
import { selectedNames } from './shell-choice.js';

/**
 * Runs the tasks of an event. Returns the exit code. Throws a CiInputError before anything has run, among others.
 * `port` is that of the local Taskcluster, if the tasks have its address in them.
 */
export async function runEvent(
  { checkout, trigger, graph }: Prepared,
  context: RunContext,
  { port, signal }: { readonly port: number | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const { program, settings } = context;
  const folder = await newRunFolder(runFolders(checkout.directory, program), new Date());
  const served = await servedCommit(checkout, trigger);
  const { commit, refs } = served ?? { commit: checkout.commit, refs: [] };
  const memory: RunMemory = { title: trigger.title, commit, refs, ...(port !== undefined && { port }) };
  const names = selectedNames(settings.given, graph);
  const selection = { names, only: settings.given.only === true };
  const roles = localRoles(trigger, graph.scopes);
  try {
    await keepMemory(folder, memory);
    const plan: RunPlan = { checkout, served, tasks: graph.tasks, folder, port, signal };
    const result = await run(context, plan, (options) => runGraph({ ...options, graph, roles, selection }));
    return result.exitCode;
  } finally {
    // Nothing has run: it is not the last run.
    if (!existsSync(join(folder, RECORD)) && !program.abandoned.aborted) await removeFolder(folder, program);
  }
}

/** Runs tasks of the last run of the checkout in this directory again. Returns the exit code. Throws a CiInputError. */
export async function runAgain(directory: string, which: Rerun, context: RunContext): Promise<number> {
  const { program } = context;
  const { env: environment, canceled: signal } = program;
  const checkout = await readCheckout(directory, { headOnly: true, environment, signal });
  const folder = await lastRunFolder(runFolders(checkout.directory, program));
  const { graph } = await readRecord(folder);
  const memory = await readMemory(folder);
  const commit = memory?.commit ?? checkout.commit;
  const isThere = await hasCommit(checkout, commit);
  tell(program, `${which === 'failed' ? 'what failed of' : 'again'}: ${memory?.title ?? 'the last run'}, ${folder}`);
  const names = [
    checkout,
    ...[checkout.remotes.head?.address, checkout.remotes.base?.address].flatMap((each) => each ?? []),
  ];
  const served = isThere ? { commit, refs: memory?.refs ?? [], names } : undefined;
  const port = await portAgain(memory?.port, context);
  const plan: RunPlan = { checkout, served, tasks: graph.tasks, folder, port, signal };
  const result = await run(context, plan, (options) => rerunGraph(which, options));
  return result.exitCode;
}

async function run(
  context: RunContext,
  plan: RunPlan,
  start: (options: RunOptions) => Promise<GraphResult>,
): Promise<GraphResult> {
  const resources = new ResourceStack((what, error) => {
    tell(context.program, `not cleaned up: ${what}: ${errorMessage(error)}`);
  });
  try {
    return await start(await setUpRun(context, plan, resources));
  } finally {
    await resources.close();
  }
}

/** The tasks of the last run have its port in their definitions. */
async function portAgain(port: number | undefined, { host, program }: RunContext): Promise<number | undefined> {
  if (port === undefined) return undefined;
  if (await isFree(host.address, port)) return port;
  tell(
    program,
    `Port ${port} is in use: what tasks call themselves at the address of the last run's Taskcluster fails.`,
  );
  return await freePort(host.address);
}

async function removeFolder(folder: string, program: Program): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    tell(program, `not cleaned up: ${errorMessage(error)}`);
  }
}
