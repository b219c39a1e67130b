import { CommanderError } from 'commander';
import pc from 'picocolors';
import { ConfigError } from '#core/runtime/config-error.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { exitCodes } from './exit-codes.js';

/** Bad words on the command line: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Prints an error for a person and gives the exit code it means. */
export function explain(error: unknown, print: (line: string) => void): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof ConfigError) {
    print(`${pc.red('The configuration has faults:')}\n${error.faults.length === 0 ? '' : error.message}`);
    return exitCodes.usage;
  }
  print(`${pc.red('fieldline:')} ${messageOf(error)}`);
  if (error instanceof AggregateError) for (const inner of error.errors) print(`  ${messageOf(inner)}`);
  if (error instanceof UsageError) return exitCodes.usage;
  return error instanceof FatalError && error.code === 'bad-config' ? exitCodes.usage : exitCodes.failed;
}
