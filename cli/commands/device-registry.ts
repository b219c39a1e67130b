import { Argument, type Command } from 'commander';
import type { Told } from '../device-registry.js';
import { UsageError } from '../fail.js';
import { apiOf, withHttp, withToken, type OperatorOptions } from '../operator.js';
import { deviceNamed } from './device-name.js';

interface RegistryOptions extends OperatorOptions {
  unknown?: boolean;
  retired?: boolean;
  all?: boolean;
  title?: string;
  sensor?: string;
  to?: string;
  force?: boolean;
  json?: boolean;
}

const name = () => new Argument('<site/device>', 'as in plant1/press-07');

/** `device list`, `adopt`, `retire`, `rename` and `replace`; see docs/gateway/devices.md. */
export function addDeviceRegistry(group: Command): void {
  addList(group);
  addAdopt(group);
  addRetire(group);
  addRename(group);
  addReplace(group);
}

function addList(group: Command): void {
  command(group, 'list', 'list the devices that spoke or were adopted', 'fieldline device list --unknown')
    .option('--unknown', 'those only that nobody adopted')
    .option('--retired', 'those only that were retired')
    .action(async (options: RegistryOptions) => {
      const { listDevices } = await import('../device-registry.js');
      const state = options.unknown ? 'unknown' : options.retired ? 'retired' : undefined;
      print(options, await listDevices(await apiOf(options), state));
    });
}

function addAdopt(group: Command): void {
  command(group, 'adopt', 'let a device speak that is unknown or was retired', 'fieldline device adopt plant1/pi-07')
    .addArgument(new Argument('[site/device]', 'as in plant1/press-07'))
    .option('--title <text>', 'how people call it')
    .option('--all', 'every device that is unknown now')
    .action(async (text: string | undefined, options: RegistryOptions) => {
      if ((text === undefined) !== (options.all === true)) throw new UsageError('Name a device, or say --all.');
      const { adoptDevices, unknownDevices } = await import('../device-registry.js');
      const api = await apiOf(options);
      const devices = text === undefined ? await unknownDevices(api) : [deviceNamed(text)];
      print(options, await adoptDevices(api, devices, text === undefined ? undefined : options.title));
    });
}

function addRetire(group: Command): void {
  const example = 'fieldline device retire plant1/pi-07';
  command(group, 'retire', 'cut a device off; what it measured stays, and `adopt` undoes it', example)
    .addArgument(name())
    .action(async (text: string, options: RegistryOptions) => {
      const { retireDevice } = await import('../device-registry.js');
      print(options, await retireDevice(await apiOf(options), deviceNamed(text)));
    });
}

function addRename(group: Command): void {
  const examples = [
    'fieldline device rename plant1/pi-07 --title "Press 7"',
    'fieldline device rename plant1/pi-07 plant1/press-07',
    'fieldline device rename plant1/pi-07 --sensor t1 --to temp-inlet',
  ];
  command(group, 'rename', 'give a device, its hardware or a sensor another name; its history goes on', ...examples)
    .addArgument(name())
    .addArgument(new Argument('[new-site/new-device]', 'the name under which its hardware speaks from now on'))
    .option('--title <text>', 'how people call it; an empty text takes that away')
    .option('--sensor <name>', 'what the device calls a sensor')
    .option('--to <name>', 'the name under which that sensor is stored; the same name ends it')
    .option('--force', 'even if somebody spoke under the new name before')
    .action(async (text: string, to: string | undefined, options: RegistryOptions) => {
      const device = deviceNamed(text);
      const { entitleDevice, renameDevice, renameSensor } = await import('../device-registry.js');
      const { title, sensor, to: sensorTo, force = false } = options;
      if ([to, title, sensor].filter((one) => one !== undefined).length !== 1) {
        throw new UsageError('Say one of a new name, --title, and --sensor with --to.');
      }
      if ((sensor === undefined) !== (sensorTo === undefined)) throw new UsageError('--sensor takes --to.');
      const api = await apiOf(options);
      if (title !== undefined) print(options, await entitleDevice(api, device, title));
      else if (sensor !== undefined) print(options, await renameSensor(api, device, sensor, sensorTo!));
      else print(options, await renameDevice(api, device, to!, force));
    });
}

function addReplace(group: Command): void {
  const example = 'fieldline device replace plant1/pi-07';
  command(
    group,
    'replace',
    'new hardware for a device: revokes what the old one had, prints a new password once',
    example,
  )
    .addArgument(name())
    .action(async (text: string, options: RegistryOptions) => {
      const { replaceDevice } = await import('../device-registry.js');
      print(options, await replaceDevice(await apiOf(options), deviceNamed(text)));
    });
}

function command(group: Command, word: string, description: string, ...examples: string[]): Command {
  return withHttp(withToken(group.command(word)))
    .description(description)
    .option('--json', 'print the answer as one JSON value')
    .addHelpText('after', `\nExample:\n  ${examples.join('\n  ')}`);
}

function print({ json }: RegistryOptions, { text, result }: Told): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text}\n`);
}
