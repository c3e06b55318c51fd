import { errorMessage } from './error-message.js';
import { withoutHostPaths } from './without-host-paths.js';

/** Errors have few causes; more than this means a cycle. */
const MAX_CAUSES = 10;

/** Returns the message of an error for a task's log: as `errorMessage` does, but without paths of this machine. */
export function authorMessage(error: unknown): string {
  let message = errorMessage(error);
  // Node quotes the path in errors of file calls, and every file that this process opens itself is the machine's.
  for (const path of pathsIn(error)) message = message.replaceAll(`'${path}'`, '(a path on the worker)');
  return withoutHostPaths(message);
}

function pathsIn(error: unknown): readonly string[] {
  const paths: string[] = [];
  let at = error;
  for (let depth = 0; at instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const { path, dest } = at as NodeJS.ErrnoException & { readonly dest?: string };
    for (const each of [path, dest]) if (typeof each === 'string' && each !== '') paths.push(each);
    at = at.cause;
  }
  return paths;
}
