import { Argument, type Command } from 'commander';
import { deviceCommandSchema, type DeviceCommand } from '#core/contract/device-commands.js';
import { systemClock } from '#core/runtime/clock.js';
import { UsageError } from '../fail.js';
import { apiOf, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { durationMs, wholeNumber } from '../options.js';
import { deviceNamed } from './device-name.js';

interface CommandOptions extends OperatorOptions {
  name?: string;
  epoch?: string;
  from?: number;
  to?: number;
  expires?: number;
  wait?: number;
  json?: boolean;
}

const number = wholeNumber(0, Number.MAX_SAFE_INTEGER);

/** `device command` and `device commands`: what devices are told, and what they answered. */
export function addDeviceCommand(group: Command): void {
  withHttp(withToken(group.command('command')))
    .description('tell a device what to do; exit code 1 if it refused, or did not answer in time')
    .addArgument(new Argument('<site/device>', 'as in plant1/press-07'))
    .addArgument(new Argument('<what>').choices(['restart-sensor', 'resend', 'report-status']))
    .option('--name <sensor>', 'of restart-sensor: which one')
    .option('--epoch <epoch>', 'of resend: the life of the outbox, as `fieldline device list --json` tells it')
    .option('--from <n>', 'of resend: the first pack number', number)
    .option('--to <n>', 'of resend: the last pack number', number)
    .option('--expires <duration>', 'not to be carried out after this', durationMs)
    .option('--wait <duration>', 'wait so long for the answer', durationMs)
    .option('--json', 'print the answer as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline device command plant1/pi-07 restart-sensor --name t1 --wait 30s')
    .action(async (name: string, what: string, options: CommandOptions) => {
      const device = deviceNamed(name);
      const command = commandOf(what, options);
      const { commandDevice } = await import('../device-command.js');
      const { text, done, result } = await commandDevice(device, command, {
        ...(await apiOf(options)),
        waitMs: options.wait,
      });
      process.stdout.write(`${options.json ? JSON.stringify(result) : text}\n`);
      if (!done) process.exitCode = 1;
    });
  withHttp(withToken(group.command('commands')))
    .description('list what a device was told, the newest first, and what it answered')
    .addArgument(new Argument('<site/device>', 'as in plant1/press-07'))
    .option('--json', 'print the list as one JSON value')
    .addHelpText('after', '\nExample:\n  fieldline device commands plant1/pi-07')
    .action(async (name: string, options: CommandOptions) => {
      const { listCommands } = await import('../device-command.js');
      const { text, result } = await listCommands(deviceNamed(name), await apiOf(options));
      process.stdout.write(`${options.json ? JSON.stringify(result) : text}\n`);
    });
}

function commandOf(type: string, { name, epoch, from, to, expires }: CommandOptions): DeviceCommand {
  const expiresUs = expires === undefined ? undefined : systemClock.nowUs() + expires * 1000;
  const said = deviceCommandSchema.safeParse({ type, name, epoch, from, to, expiresUs });
  if (said.success) return said.data;
  const missing = said.error.issues.map(({ path }) => `--${path.join('.')}`);
  throw new UsageError(`${type} takes ${missing.join(' and ')}`);
}
