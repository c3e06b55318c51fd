import type { IncomingMessage } from 'node:http';
import { DockerError } from './engine.js';

// Reading may rest while what was read is uploaded, through all of an upload's retries.
const INACTIVITY_MS = 900_000;

/** An answer of the engine's that fails when nothing comes of it for too long; `what` was asked for. */
export function archiveStream(what: string, answer: IncomingMessage): IncomingMessage {
  answer.setTimeout(INACTIVITY_MS, () => {
    // Silence that our own reader makes, by not reading, is no failure.
    if (answer.readableLength > 0) return;
    answer.destroy(new DockerError(`${what}: no data for ${INACTIVITY_MS / 1000} s`, undefined));
  });
  return answer;
}
