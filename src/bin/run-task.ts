#!/usr/bin/env node
import { collectGarbageCheaply } from '../lib/util/collect-garbage-cheaply.js';
import { runTaskCommand } from './run-task-command.js';

collectGarbageCheaply();
process.exit(await runTaskCommand(process.argv.slice(2)));
