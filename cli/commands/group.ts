import type { Command } from 'commander';

/** The sub-command that holds others, made when it is first asked for. */
export function groupOf(program: Command, name: string, description: string): Command {
  return program.commands.find((command) => command.name() === name) ?? program.command(name).description(description);
}
