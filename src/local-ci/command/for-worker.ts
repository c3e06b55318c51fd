import { errorMessage } from '../../lib/util/error-message.js';
import { printable } from '../graph/printable.js';
import type { TaskView } from '../../local-taskcluster/server.js';
import type { JsonObject } from '../model.js';
import { waitingForShell } from '../payload/waiting-for-shell.js';
import type { ShellMode } from '../payload/waiting-for-shell.js';
import { withBind } from '../payload/with-bind.js';
import { withEnvironment } from '../payload/with-environment.js';
import { withImage } from '../payload/with-image.js';
import type { Setting } from './options.js';

/** How tasks differ, for the worker, from what their definitions say. */
export interface Changes {
  /** Images by the name of the task. */
  readonly images: ReadonlyMap<string, string>;
  /** Makes git in the containers use the checkout. */
  readonly gitEnvironment: Readonly<Record<string, string>>;
  /** The user's own variables. */
  readonly environment: readonly Setting[];
  /** Where containers have the checkout instead of a clone. */
  readonly bind: string | undefined;
  /** When a task waits for a shell; undefined: never. */
  readonly shellMode: (name: string, taskId: string) => ShellMode | undefined;
  /** The commands of the images of tasks without a command, by the image's name. */
  readonly imageCommands: ReadonlyMap<string, readonly string[]>;
  /** Told when a task can't be changed as the user wants. */
  readonly tell: (line: string) => void;
}

const NAME_LENGTH = 100;

/** Returns what workers get in place of the definition of a task. Does not throw. */
export function forWorker({ taskId, definition }: TaskView, changes: Changes): JsonObject {
  const { images, gitEnvironment, environment, bind } = changes;
  const { name } = definition.metadata;
  const image = images.get(name);
  const steps: readonly ((sofar: JsonObject) => JsonObject)[] = [
    (sofar) => (image === undefined ? sofar : withImage(sofar, image)),
    (sofar) => withEnvironment(sofar, gitEnvironment),
    (sofar) => withEnvironment(sofar, Object.fromEntries(environment), { override: true }),
    (sofar) => (bind !== undefined && mentions(definition.payload, bind) ? withBind(sofar, bind) : sofar),
    (sofar) => withShell(sofar, changes.shellMode(name, taskId), changes),
  ];
  let changed: JsonObject = { ...definition };
  for (const step of steps) {
    try {
      changed = step(changed);
    } catch (error) {
      changes.tell(`${printable(name, NAME_LENGTH)}: ${errorMessage(error)}`);
    }
  }
  return changed;
}

/** Throws a CiInputError if no shell can take the place of the command of a task. */
export function withShell(
  definition: JsonObject,
  mode: ShellMode | undefined,
  { imageCommands }: Pick<Changes, 'imageCommands'>,
): JsonObject {
  if (mode === undefined) return definition;
  const image = imageOf(definition);
  const imageCommand = image === undefined ? undefined : imageCommands.get(image);
  return waitingForShell(definition, mode, imageCommand === undefined ? {} : { imageCommand });
}

/** Returns the name of the image of a task without a command of its own; undefined for all other tasks. */
export function imageOfCommandless({ payload }: JsonObject): string | undefined {
  const { command } = (payload ?? {}) as { readonly command?: unknown };
  const hasCommand = Array.isArray(command) && command.length > 0;
  return hasCommand ? undefined : imageOf({ payload });
}

function imageOf({ payload }: JsonObject): string | undefined {
  const { image } = (payload ?? {}) as { readonly image?: unknown };
  return typeof image === 'string' ? image : undefined;
}

/** Whether the payload has the path anywhere, in a cache, a variable or a command: then its clone would be there. */
export function mentions(payload: unknown, path: string): boolean {
  return JSON.stringify(payload ?? null).includes(JSON.stringify(path).slice(1, -1));
}
