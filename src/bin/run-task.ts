#!/usr/bin/env node
import { parseTaskArguments, runTaskCommand } from './run-task-command.js';

process.exit(await runTaskCommand(() => parseTaskArguments(process.argv.slice(2))));
