#!/usr/bin/env node
import { EXIT } from './terminal/errors.ts';
import { processIo } from './terminal/io.ts';
import { runCli } from './program.ts';

process.exitCode = await runCli(process.argv.slice(2), processIo());
// A pipe that is still open (standard input after Ctrl-C) would keep the process alive.
if (process.exitCode === EXIT.interrupted) process.exit();
