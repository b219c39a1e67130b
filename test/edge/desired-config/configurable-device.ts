import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { signConfig } from '../../../core/contract/desired-config.js';
import type { ConfigReport } from '../../../core/contract/device-events.js';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger, type Logger } from '../../../core/runtime/logger.js';
import { edgeConfigSchema, type EdgeConfig } from '../../../edge/config.js';
import { createEdge, type Edge } from '../../../edge/main.js';
import { ScriptedSensor } from '../agent/fakes.js';
import { RecordingSensor } from '../agent/recording-sensor.js';
import type { TestGateway } from '../agent/test-gateway.js';

const mib = 1024 * 1024;
export const device = { site: 'plant1', device: 'press-07' };
export const keys = generateKeyPairSync('ed25519');
const publicKey = keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');

/** What the device's own file says: its host every 50 ms, and the key of its owner. */
export function localConfig(directory: string, url: string, over: object = {}): EdgeConfig {
  return edgeConfigSchema.parse({
    ...device,
    gateway: { url },
    outbox: { directory: join(directory, 'outbox'), maxBytes: 32 * mib, reserveBytes: mib },
    sensors: [{ driver: 'host', intervalMs: 50, channels: ['load-*'] }],
    channels: { '*': { filters: [] } },
    uplink: { heartbeatMs: '500ms' },
    config: { publicKey, probationMs: '1s' },
    ...over,
  });
}

export interface Configurable {
  readonly edge: Edge;
  /** A sensor beside the configured ones, with what it gave. */
  readonly own: RecordingSensor;
}

/** A device that is not started yet; it stops with the test. */
export function makeDevice(config: EdgeConfig, logger: Logger = silentLogger): Configurable {
  const own = new RecordingSensor(new ScriptedSensor(systemClock, ['own'], (n) => n));
  const extraSensors = [{ name: 'own', sensor: own, intervalMs: 10 }];
  const edge = createEdge(config, { clock: systemClock, logger, registry: new Registry(), extraSensors });
  onTestFinished(() => edge.stop(2000));
  return { edge, own };
}

export const signed = (version: number, config: object, over: object = {}): Uint8Array =>
  signConfig(
    { type: 'fieldline-config', format: 1, ...device, version, config: { ...config }, ...over },
    keys.privateKey,
  );

export const desire = (gateway: TestGateway, message: Uint8Array): Promise<void> =>
  gateway.say(mqttTopic(device, 'config'), message, true);

/** What the device reported of configs, in short: `2 applied`, `2 applied confirmed`, `3 rejected: why`. */
export function reports(gateway: TestGateway): string[] {
  return gateway.states.flatMap((state) => (state.type === 'config' ? [brief(state)] : []));
}

function brief({ version, status, confirmed, reason }: ConfigReport): string {
  return `${version} ${status}${confirmed ? ' confirmed' : ''}${reason === undefined ? '' : `: ${reason}`}`;
}
