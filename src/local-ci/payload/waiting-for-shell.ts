import { CiInputError } from '../model.js';
import type { JsonObject } from '../model.js';
import { BEFORE_COMMAND, ON_FAILURE, shellCommand } from '../shell/container-scripts.js';
import { changePayload } from './change-payload.js';

/** When the container waits for a shell: in place of the command, or after it if it failed. */
export type ShellMode = 'before' | 'on-failure';

export interface WaitingOptions {
  /**
   * The command of the task's image, for a payload without a command (`DockerEngine.inspectImage` tells it for an image
   * that is on this machine).
   */
  readonly imageCommand?: readonly string[];
}

const SCRIPTS = { before: BEFORE_COMMAND, 'on-failure': ON_FAILURE } as const satisfies Record<ShellMode, string>;

/**
 * Returns the definition with a command that waits until a shell (`openTaskShell`) has been opened in its container and
 * has ended. `before`: the shell takes the command's place, and its exit code is the task's. `on-failure`: the command
 * runs first, and its exit code is the task's; with 0 it does not wait. In the shell, a script runs the command (again).
 *
 * The time limit is the task's deadline then, in place of maxRunTime. The image must have /bin/sh and sleep, and an
 * entrypoint of it must run its arguments. Throws a CiInputError for a payload whose command is not known.
 */
export function waitingForShell(definition: JsonObject, mode: ShellMode, options: WaitingOptions = {}): JsonObject {
  return changePayload(definition, (payload) => ({
    command: shellCommand(SCRIPTS[mode], [deadlineOf(definition), ...commandOf(payload, options)]),
    ...withLongerTime(payload, definition),
  }));
}

function commandOf({ command, image }: JsonObject, { imageCommand }: WaitingOptions): readonly string[] {
  const given = isTexts(command) && command.length > 0 ? command : (imageCommand ?? []);
  if (given.length > 0) return given;
  const name = typeof image === 'string' ? ` ${JSON.stringify(image)}` : '';
  const why =
    imageCommand === undefined
      ? `and that of its image${name} is not known before the image is on this machine: pull the image, or set payload.command`
      : `nor has its image${name}: set payload.command`;
  throw new CiInputError(`no shell in place of a command: the task has no command of its own, ${why}.`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Only as a date is it free of anything that a terminal could take for a command. */
function deadlineOf({ deadline }: JsonObject): string {
  const date = dateOf(deadline);
  return date === undefined ? "the task's deadline" : date.toISOString();
}

function withLongerTime({ maxRunTime }: JsonObject, { created, deadline }: JsonObject): JsonObject {
  const [start, end] = [dateOf(created), dateOf(deadline)];
  if (!start || !end || typeof maxRunTime !== 'number') return {};
  const untilDeadlineSeconds = Math.ceil((end.getTime() - start.getTime()) / 1000);
  return { maxRunTime: Math.max(maxRunTime, untilDeadlineSeconds) };
}

function dateOf(value: unknown): Date | undefined {
  if (typeof value !== 'string') return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
