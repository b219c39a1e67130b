import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger, type Logger } from '../../../core/runtime/logger.js';
import { edgeConfigSchema, type EdgeConfig } from '../../../edge/config.js';
import { createEdge, type Edge } from '../../../edge/main.js';
import { ScriptedSensor } from '../agent/fakes.js';

const mib = 1024 * 1024;

export interface DevicePaths {
  readonly folder: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly enrolTokenFile: string;
}

/** Where the installer lays the token, and the device keeps what it gets for it. */
export async function devicePaths(folder: string, token?: string): Promise<DevicePaths> {
  const identity = join(folder, 'identity');
  await mkdir(identity, { recursive: true });
  const enrolTokenFile = join(identity, 'enrol-token');
  if (token !== undefined) await writeFile(enrolTokenFile, `${token}\n`);
  return { folder, enrolTokenFile, certFile: join(identity, 'device.pem'), keyFile: join(identity, 'device-key.pem') };
}

export function deviceConfig(paths: DevicePaths, port: number, caFile: string, over: object = {}): EdgeConfig {
  const { folder, certFile, keyFile, enrolTokenFile } = paths;
  const url = `mqtts://127.0.0.1:${port}`;
  return edgeConfigSchema.parse({
    site: 'plant1',
    device: 'press-07',
    gateway: { url, caFile, certFile, keyFile, enrolTokenFile, ...over },
    outbox: { directory: join(folder, 'outbox'), maxBytes: 32 * mib, reserveBytes: mib },
    sensors: [],
    channels: { '*': { filters: [] } },
    uplink: { heartbeatMs: '500ms' },
  });
}

/** A device that measures every 20 ms; it stops with the test. */
export function makeDevice(config: EdgeConfig, logger: Logger = silentLogger): Edge {
  const sensor = new ScriptedSensor(systemClock, ['own'], (n) => n);
  const extraSensors = [{ name: 'own', sensor, intervalMs: 20 }];
  const edge = createEdge(config, { clock: systemClock, logger, registry: new Registry(), extraSensors });
  onTestFinished(() => edge.stop(2000));
  return edge;
}
