#!/usr/bin/env node
import { ProcessSignals } from './process-signals.js';

// Before the worker is loaded, which takes some hundred milliseconds: a signal would kill the process until then.
const signals = new ProcessSignals();
const { runWorker } = await import('./run-worker.js');
// An explicit exit: a connection that somebody forgot must not keep a finished worker from ending.
process.exit(await runWorker(signals));
