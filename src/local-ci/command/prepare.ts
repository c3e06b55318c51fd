import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { load, YAMLException } from 'js-yaml';
import { fileAt, readCheckout } from '../checkout/checkout.js';
import type { Checkout } from '../checkout/checkout.js';
import { contextTrigger, makeTrigger } from '../events/trigger.js';
import type { CiTrigger, RenderedGraph } from '../model.js';
import { CiInputError } from '../model.js';
import { renderApart } from '../render/render-apart.js';
import type { TaskclusterYml } from '../render/render.js';
import type { Program } from './program.js';
import { readText } from './read-text.js';
import { eventParts } from './settings.js';
import type { Settings } from './settings.js';
import { readStream } from './read-stream.js';

/** What a command line names: a directory, and a file if it is not the usual one. */
export interface Place {
  readonly directory: string;
  /** Absolute path of a file that is used as it is on the disk. */
  readonly file: string | undefined;
}

/** The tasks of an event. */
export interface Prepared {
  readonly checkout: Checkout;
  readonly trigger: CiTrigger;
  readonly graph: RenderedGraph;
}

const FILE = '.taskcluster.yml';
const MAX_YML_BYTES = 4 * 1024 * 1024;

/** Returns where the repository is. Throws a CiInputError if there is nothing at the path. */
export function placeOf(path: string | undefined, currentDirectory: string): Place {
  const absolute = resolve(currentDirectory, path ?? '.');
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return { directory: absolute, file: undefined };
  if (found) return { directory: dirname(absolute), file: absolute };
  const shown = JSON.stringify(path ?? currentDirectory);
  throw new CiInputError(`${shown}: there is neither a directory nor a file of this name (--help lists the events)`);
}

/**
 * Reads the checkout, makes the event and renders the tasks, for the deployment `rootUrl`. Throws a CiInputError, or
 * NoTasksForEvent for an event that Taskcluster ignores.
 */
export async function prepare(place: Place, settings: Settings, program: Program, rootUrl: string): Promise<Prepared> {
  const { head } = settings.given;
  const { env, canceled: signal, renderProgram } = program;
  const checkout = await readCheckout(place.directory, { headOnly: head === true, environment: env, signal });
  const trigger = await triggerOf(settings, checkout, program);
  const file = await fileOf(place, checkout);
  const request = { file, trigger, rootUrl, now: new Date() };
  const graph = await renderApart(request, { url: renderProgram }, signal);
  return { checkout, trigger, graph };
}

async function triggerOf({ event, given }: Settings, checkout: Checkout, program: Program): Promise<CiTrigger> {
  const { tasksFor, context, event: eventFile } = given;
  if (tasksFor !== undefined && context !== undefined) {
    const content = parsedYaml(await readText(context, '--context'), `--context ${context}`);
    return contextTrigger(tasksFor, content, basename(context));
  }
  const parts = eventParts(given);
  if (eventFile === undefined) return await makeTrigger(event, parts, checkout);
  const isInput = eventFile === '-';
  const text = isInput ? await readStream(program.stdin, '--event -') : await readText(eventFile, '--event');
  const name = isInput ? 'standard input' : basename(eventFile);
  return await makeTrigger(event, parts, checkout, { content: parsedJson(text, name), name });
}

/** Without a name, the file at the commit that runs; else that on the disk, which need not be in the repository. */
async function fileOf({ file }: Place, checkout: Checkout): Promise<TaskclusterYml> {
  if (file !== undefined) return { text: await readText(file, 'the file', MAX_YML_BYTES), path: file };
  const text = await fileAt(checkout, FILE);
  if (text !== undefined) return { text, path: FILE };
  const path = join(checkout.directory, FILE);
  if (existsSync(path)) {
    throw new CiInputError(
      `${path} is not part of the commit that runs: "git add" it, or name the file to use it as it is`,
    );
  }
  throw new CiInputError(`${checkout.directory} has no ${FILE}: Taskcluster makes no tasks of its events`);
}

function parsedJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CiInputError(`the event ${name} is not JSON: ${(error as Error).message}`);
  }
}

function parsedYaml(text: string, place: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (error instanceof YAMLException) throw new CiInputError(`${place}: not YAML or JSON: ${error.message}`);
    throw error;
  }
}
