import { Agent } from 'node:http';
import { inspect } from 'node:util';

/**
 * Connections to the engine, kept for the next call. docker-modem writes down the options of each call for a debug log,
 * whether anybody reads that or not, and everything that hangs on its agent with them: with all sockets of a few running
 * tasks that took up to a second a call.
 */
export class EngineAgent extends Agent {
  constructor({ keepAlive = true }: { readonly keepAlive?: boolean } = {}) {
    // Attach and wait keep theirs for as long as a task runs, so there is no limit.
    super({ keepAlive });
  }

  [inspect.custom](): string {
    return 'EngineAgent';
  }
}
