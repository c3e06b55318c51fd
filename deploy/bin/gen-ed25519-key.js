#!/usr/bin/env node
import { runProgram } from '../run-program.mjs';

await runProgram('deploy/bin/gen-ed25519-key.ts');
