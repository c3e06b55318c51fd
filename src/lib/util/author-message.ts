import { causesOf } from './causes-of.js';
import { errorMessage } from './error-message.js';
import { withoutHostPaths } from './without-host-paths.js';

/** Returns the message of an error for a task's log: as `errorMessage` does, but without paths of this machine. */
export function authorMessage(error: unknown): string {
  let message = errorMessage(error);
  // Node quotes the path in errors of file calls, and every file that this process opens itself is the machine's.
  for (const cause of causesOf(error)) {
    const { path, dest } = cause as NodeJS.ErrnoException & { readonly dest?: string };
    for (const each of [path, dest]) {
      if (typeof each === 'string' && each !== '') message = message.replaceAll(`'${each}'`, '(a path on the worker)');
    }
  }
  return withoutHostPaths(message);
}
