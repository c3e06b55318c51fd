#!/usr/bin/env node
import { runProgram } from '../run-program.mjs';

await runProgram('deploy/bin/github-release.ts');
