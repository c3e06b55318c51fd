import { shorten } from '../../lib/util/shorten.js';
import type { RenderedGraph } from '../model.js';
import type { FileOfVersion1 } from './check-file.js';
import { RenderProblem } from './render-problem.js';

const LONGEST_NAME = 200;

/** Returns the hooks of a file, which are never rendered. Throws RenderProblem for a name that can't be a hook's. */
export function hooksOf(hooks: FileOfVersion1['hooks']): RenderedGraph['hooks'] {
  for (const { name } of hooks) {
    if (/^[^/]+\/./s.test(name)) continue;
    const shown = shorten(name, LONGEST_NAME);
    throw new RenderProblem(`Invalid hook name format: ${shown}. Expected format: <hookGroupId>/<hookId>`);
  }
  return hooks;
}
