import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { withTimeout } from '../../src/lib/util/abortable.js';
import { WorkerProcess } from '../support/worker-process.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { limited } from './limited.js';

const MAX_MS = 700;
const TIMEOUT_MS = 30_000;
const CREDENTIALS = { clientId: 'bench', accessToken: 'bench' };

/** How long it takes from the start of the worker's process until it asks for work. */
export const start: Bench = {
  description: 'start of the process to the arrival of its first claimWork at the queue',
  run: measureStart,
};

async function measureStart({ rounds, progress }: BenchOptions): Promise<readonly BenchResult[]> {
  const timesMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    timesMs.push(await startOnce());
    progress(`start: round ${round} of ${rounds}`);
  }
  const how = 'node dist/bin/worker.js with a file of settings; the other end is a server that notes when it is asked';
  return [limited('start', timesMs, { limit: MAX_MS, unit: 'ms', how })];
}

async function startOnce(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const rootUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const claimed = firstClaim(server);
    const worker = await WorkerProcess.spawn({ rootUrl, credentials: CREDENTIALS });
    try {
      return (await withTimeout('the first claim', TIMEOUT_MS, () => claimed)) - worker.spawnedAtMs;
    } finally {
      await worker.stop();
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The moment at which work is asked for. That is never answered, as by a queue that waits for a task; all else is refused. */
async function firstClaim(server: Server): Promise<number> {
  return await new Promise((resolve) => {
    server.on('request', ({ url = '' }, response) => {
      if (url.includes('/claim-work/')) resolve(performance.now());
      else response.writeHead(503).end();
    });
  });
}
