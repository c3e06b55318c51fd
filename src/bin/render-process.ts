import { runInNewContext } from 'node:vm';
import slugid from 'slugid';
import { CiInputError } from '../local-ci/model.js';
import { render } from '../local-ci/render/render.js';
import type { RenderAnswer, RenderRequest } from '../local-ci/render/render-apart.js';

// The program of a process that renders one file, answers with one message, and is then ended by who started it.

/** Ends a template that runs for ever when nobody else can: whoever started this process was killed. */
const LONGEST_LIFE_MS = 600_000;

process.once('message', (request) => {
  const answer = (): RenderAnswer => answerTo(request as RenderRequest);
  process.send?.(runInNewContext('answer()', { answer }, { timeout: LONGEST_LIFE_MS }));
});
// The channel alone keeps a process alive that listens to messages.
process.on('message', () => undefined);

function answerTo({ file, trigger, rootUrl, now }: RenderRequest): RenderAnswer {
  try {
    return { graph: render(file, trigger, { rootUrl, now, newTaskId: () => slugid.nice() }) };
  } catch (error) {
    if (error instanceof CiInputError) return { problem: error.message };
    throw error;
  }
}
