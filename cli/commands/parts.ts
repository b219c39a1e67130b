import { join } from 'node:path';
import type { Command } from 'commander';
import { Registry } from 'prom-client';
import { openDataDirectory } from '#core/runtime/data-directory.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import { port } from '../options.js';
import { partLines } from '../part-lines/registry.js';
import { runUntilSignal } from '../run-until-signal.js';
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

export function addParts(program: Command): void {
  for (const part of partCommands) {
    const { group, name, description } = part;
    const parent = groupOf(program, group, group === 'edge' ? 'the edge agent and its tools' : `the ${group} part`);
    addRunOptions(parent.command(name).description(description))
      .option('--mqtt-port <n>', 'port that devices speak to (default: 1883)', port)
      .addHelpText('after', `\nExample:\n  fieldline ${group} ${name} --config fieldline.yaml`)
      .action(async (options: RunOptions) => {
        process.exitCode = await runPart(part, options);
      });
  }
}

async function runPart({ group, name, line: lineName }: PartCommand, options: RunOptions): Promise<number> {
  const config = await configOf(options);
  const terminal = terminalOf({ ...options, logLevel: options.logLevel ?? 'info' });
  const createLine = await partLines[lineName]();
  // Each part has a directory of its own, so that several may run on one machine.
  const data = await openDataDirectory(join(config.data, lineName));
  try {
    const all = await createLine({ config, data, logger: terminal.logger, registry: new Registry() });
    const line: Part = { start: () => startAll(all), stop: (deadlineMs) => stopAll(all, deadlineMs) };
    return await runUntilSignal(line, { terminal, onUp: () => terminal.print(`fieldline ${group} ${name} is up`) });
  } finally {
    await data.release();
  }
}
