#!/usr/bin/env node
import './small-heap.js';
import './thread-pool.js';
import { Command } from 'commander';
import { outliveReaders } from './closed-pipe.js';
import { addersOf } from './commands/registry.js';
import { explain } from './fail.js';
import { version } from './version.js';

const examples = `
Examples:
  fieldline up                                    everything in one process; console on http://127.0.0.1:8080
  fieldline simulate smart-factory --for 60s      5,000 simulated sensors
  fieldline simulate verify fieldline-journal.jsonl
  fieldline report hourly

Exit codes: 0 done, 1 the work or the check failed, 2 bad usage or configuration.`;

const program = new Command('fieldline')
  .description('Carries a reading from a sensor to a dashboard and a report, and proves that it arrived, once.')
  .version(version)
  // `--version` behind a command is the command's own.
  .enablePositionalOptions()
  .showHelpAfterError('(add --help for the words that are known)')
  .addHelpText('after', examples)
  .exitOverride();
for (const add of await addersOf(process.argv[2])) add(program);
for (const command of allCommands(program)) command.exitOverride();

outliveReaders(process);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error, (line) => process.stderr.write(`${line}\n`));
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((inner) => [inner, ...allCommands(inner)]);
}
