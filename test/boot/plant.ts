import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceView } from '../../cloud/serve/device-view.js';
import { freePorts } from '../servers/free-port.js';
import { waitFor } from '../servers/wait-for.js';
import { type CommandResult, runFieldline, type Running, startFieldline, writeConfig } from '../support/fieldline.js';
import type { MachineSpec } from './machine.js';

/** The address under which a machine finds the loopback of this one. */
const seenAs = '10.0.2.100';
const device = { site: 'plant1', device: 'pi-07' } as const;

/** A gateway and a cloud of our own, as `fieldline up` runs them, with an authority, enrolment and releases. */
export interface Plant {
  readonly folder: string;
  /** What a device is told. */
  readonly gateway: string;
  readonly forwards: NonNullable<MachineSpec['forwards']>;
  readonly line: Running;
  /** `fieldline …` as the operator runs it here; throws, with what it said, if it ends with another code than 0 or those. */
  fieldline(args: readonly string[], withinMs?: number, codes?: readonly number[]): Promise<CommandResult>;
  /** `fieldline …` for the commands that ask the gateway. */
  operate: Plant['fieldline'];
  /** The device as the API shows it; undefined if nothing was heard of it. */
  device(): Promise<DeviceView | undefined>;
  /** Resolves with the device when this holds of it. */
  until(what: string, withinMs: number, holds: (view: DeviceView) => boolean): Promise<DeviceView>;
  stop(): Promise<void>;
}

export async function startPlant(folder: string): Promise<Plant> {
  mkdirSync(folder, { recursive: true });
  const [httpPort, mqttPort, partsPort] = (await freePorts(3)) as [number, number, number];
  const fieldline: Plant['fieldline'] = async (args, withinMs = 120_000, codes = [0]) => {
    const result = await runFieldline(args, folder, withinMs);
    if (codes.includes(result.code)) return result;
    throw new Error(`fieldline ${args.join(' ')}: ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  };
  await fieldline(['device', 'ca', 'init']);
  await fieldline(['device', 'ca', 'server', seenAs, '127.0.0.1']);
  const authority = join(folder, 'fieldline-ca/authority.cert.pem');
  const config = writeConfig(folder, {
    data: join(folder, 'data'),
    edge: { enabled: false },
    simulator: { enabled: false },
    gateway: {
      mqtt: {
        port: mqttPort,
        tls: { key: 'gateway.key.pem', cert: 'gateway.cert.pem', ca: authority, clients: 'accepted' },
      },
      enrolment: { caCert: authority, caKey: join(folder, 'fieldline-ca/authority.key.pem') },
      releases: { directory: join(folder, 'releases'), url: `http://${seenAs}:8090/releases`, port: partsPort },
    },
  });
  const args = ['up', '--config', config, '--http-port', `${httpPort}`, '--log-format', 'json'];
  const line = await startFieldline({ name: 'up', args, folder, httpPort, readyWithinMs: 60_000 });
  const view = async () => {
    const { devices } = (await fetch(`${line.http}/api/v1/devices`).then((response) => response.json())) as {
      devices: DeviceView[];
    };
    return devices.find((one) => one.site === device.site && one.device === device.device);
  };
  return {
    folder,
    gateway: `mqtts://${seenAs}:8883`,
    forwards: [
      { guest: `${seenAs}:8883`, port: mqttPort },
      { guest: `${seenAs}:8090`, port: partsPort },
    ],
    line,
    fieldline,
    operate: (words, ...how) => fieldline([...words, '--http', line.http, '--data', join(folder, 'data')], ...how),
    device: view,
    until: async (what, withinMs, holds) => {
      let seen: DeviceView | undefined;
      const probe = async () => {
        seen = await view();
        return seen !== undefined && holds(seen) ? seen : undefined;
      };
      return waitFor(what, withinMs / 5, probe, 1000).catch((error: unknown) => {
        throw new Error(`${String(error)}; seen last: ${JSON.stringify(seen)}`);
      });
    },
    stop: () => line.terminate(),
  };
}
