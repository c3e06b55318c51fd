import { errorMessage } from './error-message.js';
import { withoutHostPaths } from './without-host-paths.js';

/** Causes are few; more would be a circle. */
const MAX_CAUSES = 10;

/** What went wrong, for the log of a task: in words as `errorMessage` has them, without paths of this machine. */
export function authorMessage(error: unknown): string {
  let message = errorMessage(error);
  // What node says of a file call has the path in quotes: all files that this process opens itself are the machine's.
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
