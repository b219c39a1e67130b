import { parseArgs } from 'node:util';
import { ConfigError } from '#core/runtime/config.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { commandOptions, exitCodes, UsageError, type Speech } from './command.js';
import { commands } from './commands.js';
import { helpText } from './help.js';

/** Runs one command of the agent to its end. Resolves with its exit code and never rejects. */
export async function runCommandLine(args: readonly string[], speech: Speech): Promise<number> {
  try {
    const { values, positionals } = parseWords(args);
    const [name, ...rest] = positionals;
    if (values.help || name === undefined || name === 'help') {
      speech.print(helpText);
      return name === undefined && !values.help ? exitCodes.usage : exitCodes.done;
    }
    const command = Object.hasOwn(commands, name) ? commands[name as keyof typeof commands] : undefined;
    if (!command) throw new UsageError(`there is no command ${name}; known: ${Object.keys(commands).join(', ')}`);
    if (rest.length > 0) throw new UsageError(`${name} takes no ${JSON.stringify(rest[0])}`);
    return await command(values, speech);
  } catch (error) {
    return explain(error, speech);
  }
}

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: commandOptions, allowPositionals: true });
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}

function explain(error: unknown, { complain }: Speech): number {
  if (error instanceof ConfigError) {
    complain(`The configuration has faults:\n${error.message}\nCorrect them, then try: agent.mjs check-config`);
    return exitCodes.usage;
  }
  complain(`fieldline-agent: ${messageOf(error)}`);
  if (error instanceof AggregateError) for (const inner of error.errors) complain(`  ${messageOf(inner)}`);
  if (error instanceof UsageError) complain('(see agent.mjs --help)');
  const usage = error instanceof UsageError || (error instanceof FatalError && error.code === 'bad-config');
  return usage ? exitCodes.usage : exitCodes.failed;
}
