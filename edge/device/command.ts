import type { parseArgs } from 'node:util';

/** What an exit code of the agent means. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** Bad words on the command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Where a command speaks. A line of `complain` is for people, on standard error. */
export interface Speech {
  print(text: string): void;
  complain(text: string): void;
}

export const commandOptions = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  version: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
export type CommandOptions = ReturnType<typeof parseArgs<{ options: typeof commandOptions }>>['values'];

/** Resolves with the exit code. What it throws is explained to a person. */
export type Command = (options: CommandOptions, speech: Speech) => Promise<number>;
