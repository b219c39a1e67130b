import type { Command } from 'commander';
import pc from 'picocolors';
import { systemClock } from '#core/runtime/clock.js';
import { openDataDirectory } from '#core/runtime/data-directory.js';
import type { Line } from '../embedded.js';
import { port } from '../options.js';
import { readStatus } from '../read-status.js';
import { runUntilSignal } from '../run-until-signal.js';
import { statusLine } from '../status-line.js';
import type { Terminal } from '../terminal.js';
import { addRunOptions, configOf, deviceSecretFile, terminalOf, type RunOptions } from './common.js';

const examples = `
Examples:
  fieldline up
  fieldline up --data /var/lib/fieldline --http-port 9000 --no-simulator
  fieldline up --profile cluster --config fieldline.yaml`;

export function addUp(program: Command): void {
  const command = program
    .command('up')
    .description('run the whole line in one process: sensors, gateway, log, store, console');
  addRunOptions(command)
    .option('--mqtt-port <n>', 'port that devices speak to (default: 1883)', port)
    .option('--no-simulator', 'without the simulated building')
    .addHelpText('after', examples)
    .action(async (options: RunOptions) => {
      process.exitCode = await up(options);
    });
}

async function up(options: RunOptions): Promise<number> {
  const config = await configOf(options);
  const [{ createLine }, { loadSecret }] = await Promise.all([
    import('../embedded.js'),
    import('../../gateway/main.js'),
  ]);
  const terminal = terminalOf(options);
  const data = await openDataDirectory(config.data);
  try {
    const secret = await loadSecret(deviceSecretFile(config), { create: true });
    const line = createLine(config, { data, secret, clock: systemClock, logger: terminal.logger });
    const onTick = ticker(line, terminal);
    return await runUntilSignal(line, { terminal, onUp: () => greet(line, terminal), onTick });
  } finally {
    await data.release();
  }
}

function greet(line: Line, terminal: Terminal): void {
  terminal.print(
    `${pc.bold('Fieldline')} is up. Console: ${pc.cyan(line.httpUrl())}   Devices: ${line.mqttUrl()}   Ctrl-C stops it.`,
  );
}

/** Refreshes the status line; a look that takes long is not overtaken by the next. */
function ticker(line: Line, terminal: Terminal): () => void {
  let looking = false;
  return () => {
    if (looking) return;
    looking = true;
    readStatus(line.httpUrl(), line.troubles())
      .then((status) => terminal.status(statusLine(status)))
      .catch(() => undefined)
      .finally(() => (looking = false));
  };
}
