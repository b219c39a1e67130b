import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { deviceToken } from '#core/runtime/device-token.js';
import { loadSecret } from '../../gateway/broker/secret-file.js';
import { addDeviceCommand } from './device-command.js';
import { deviceNamed } from './device-name.js';
import { addDeviceRegistry } from './device-registry.js';

export function addDevice(program: Command): void {
  const group = program.command('device').description('devices, what they need to speak, and what they are told');
  addDeviceRegistry(group);
  addDeviceCommand(group);
  group
    .command('token')
    .description('print the password of a device; its user name is <site>/<device>')
    .addArgument(new Argument('<site/device>', 'as in plant1/press-07'))
    .option('--data <dir>', 'data directory of the gateway on this machine', './data')
    .option('--secret-file <file>', 'the device secret, if not in the data directory')
    .addHelpText('after', '\nExample:\n  fieldline device token plant1/press-07')
    .action(async (name: string, options: { data: string; secretFile?: string }) => {
      const device = deviceNamed(name);
      const secret = await loadSecret(options.secretFile ?? join(options.data, 'secrets', 'device-secret'), {
        create: false,
      });
      process.stdout.write(`${deviceToken(secret, device)}\n`);
    });
}
