#!/usr/bin/env node
import { runTaskCommand } from './run-task-command.js';

process.exit(await runTaskCommand(process.argv.slice(2)));
