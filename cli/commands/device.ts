import type { Command } from 'commander';
import { addDeviceCertificates } from './device-certificates.js';
import { addDeviceCommand } from './device-command.js';
import { addDeviceCredentials } from './device-credentials.js';
import { addDeviceEnrol } from './device-enrol.js';
import { addDeviceRegistry } from './device-registry.js';
import { addDeviceWait } from './device-wait.js';

export function addDevice(program: Command): void {
  const group = program.command('device').description('devices, what they need to speak, and what they are told');
  addDeviceRegistry(group);
  addDeviceCommand(group);
  addDeviceWait(group);
  addDeviceCredentials(group);
  addDeviceEnrol(group);
  addDeviceCertificates(group);
}
