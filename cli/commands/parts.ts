import { join } from 'node:path';
import type { Command } from 'commander';
import { Registry } from 'prom-client';
import { openDataDirectory } from '#core/runtime/data-directory.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { FieldlineConfig } from '../config.js';
import { port, wholeNumber } from '../options.js';
import { partLines } from '../part-lines/registry.js';
import { leave, processNumber, stopWanted } from '../processes/worker.js';
import { runUntilSignal } from '../run-until-signal.js';
import type { Terminal } from '../terminal.js';
import { groupOf } from './group.js';
import { addRunOptions, configOf, terminalOf, type RunOptions } from './common.js';

/** One part as a process of its own. */
interface PartCommand {
  readonly group: 'edge' | 'gateway' | 'cloud';
  readonly name: string;
  readonly description: string;
  readonly line: 'edge' | 'gateway' | 'ingest' | 'serve';
}

const partCommands: readonly PartCommand[] = [
  { group: 'edge', name: 'run', line: 'edge', description: 'read this machine’s sensors and send them to a gateway' },
  {
    group: 'gateway',
    name: 'run',
    line: 'gateway',
    description: 'take what devices publish, and acknowledge it once Kafka has it',
  },
  { group: 'cloud', name: 'ingest', line: 'ingest', description: 'bring the log into the store, and roll it up' },
  { group: 'cloud', name: 'serve', line: 'serve', description: 'serve the HTTP API and the console' },
];

const maxProcesses = 64;

export function addParts(program: Command): void {
  for (const part of partCommands) {
    const { group, name, description } = part;
    const parent = groupOf(program, group, group === 'edge' ? 'the edge agent and its tools' : `the ${group} part`);
    const command = addRunOptions(parent.command(name).description(description));
    if (part.line === 'gateway') {
      command.option('--processes <n>', 'processes behind the port (default: 1)', wholeNumber(1, maxProcesses));
    }
    command
      .option('--mqtt-port <n>', 'port that devices speak to (default: 1883)', port)
      .addHelpText('after', `\nExample:\n  fieldline ${group} ${name} --config fieldline.yaml`)
      .action(async (options: RunOptions) => {
        process.exitCode = await runPart(part, options);
      });
  }
}

async function runPart(part: PartCommand, options: RunOptions): Promise<number> {
  const config = await configOf(options);
  const terminal = terminalOf({ ...options, logLevel: options.logLevel ?? 'info' });
  const count = part.line === 'gateway' ? config.gateway.processes : 1;
  const number = processNumber();
  if (count > 1 && number === undefined) {
    const { runProcesses } = await import('../processes/run-processes.js');
    return runProcesses({ config, count, terminal, greeting: greetingOf(part) });
  }
  try {
    return await runAlone(part, config, terminal, number);
  } finally {
    leave();
  }
}

async function runAlone(
  part: PartCommand,
  config: FieldlineConfig,
  terminal: Terminal,
  number?: number,
): Promise<number> {
  const logger = number === undefined ? terminal.logger : terminal.logger.child({ process: number });
  const createLine = await partLines[part.line]();
  // Each part has a directory of its own, so that several may run on one machine.
  const data = await openDataDirectory(join(config.data, (number ?? 1) > 1 ? `${part.line}-${number}` : part.line));
  try {
    const all = await createLine({ config, data, logger, registry: new Registry() });
    const line: Part = { start: () => startAll(all), stop: (deadlineMs) => stopAll(all, deadlineMs) };
    // Of several processes only the one that holds the port greets.
    const onUp = (): void => (number === undefined ? terminal.print(greetingOf(part)) : undefined);
    return await runUntilSignal(line, { terminal: { ...terminal, logger }, onUp, until: stopWanted() });
  } finally {
    await data.release();
  }
}

function greetingOf({ group, name }: PartCommand): string {
  return `fieldline ${group} ${name} is up`;
}
