#!/usr/bin/env node
import { ProcessSignals } from './process-signals.js';

// Comes before loading the worker, which takes some hundred milliseconds: until then a signal would kill the process.
const signals = new ProcessSignals();
const { runWorker } = await import('./run-worker.js');
// Exits explicitly: a connection left open must not keep a finished worker alive.
process.exit(await runWorker(signals));
