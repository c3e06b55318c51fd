#!/usr/bin/env node
import { runLocalCiCommand } from './local-ci-command.js';

process.exit(await runLocalCiCommand(process.argv.slice(2)));
