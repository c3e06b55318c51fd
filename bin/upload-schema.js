#!/usr/bin/env node
import { runProgram } from '../deploy/run-program.mjs';

await runProgram('src/bin/upload-schema.ts');
