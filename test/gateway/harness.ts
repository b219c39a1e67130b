import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { logTopics } from '../../core/contract/log-topics.js';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../core/contract/names.js';
import { encodePack, type TransferCoding } from '../../core/contract/pack.js';
import { systemClock, type Clock } from '../../core/runtime/clock.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { silentLogger, type Logger } from '../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema, type Gateway } from '../../gateway/main.js';
import { FaultyLog } from '../support/faulty-log.js';
import { MemoryLog } from '../support/memory-log.js';
import { rawPoint, testCatalogue, testPack } from '../support/packs.js';

export const secret = Buffer.from('a secret of thirty-two bytes long');
export const press: DeviceId = { site: 'plant1', device: 'press-07' };
export const oven: DeviceId = { site: 'plant1', device: 'oven-02' };

export interface GatewayOverrides {
  readonly mqtt?: object;
  readonly limits?: object;
  readonly time?: object;
  readonly devices?: object;
  readonly enrolment?: object;
  readonly releases?: object;
  readonly rollout?: object;
  readonly spool?: object;
  readonly sources?: readonly object[];
  readonly foreign?: object;
  readonly routing?: object;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** One that another gateway has, too. */
  readonly log?: MemoryLog;
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly log: FaultyLog;
  readonly memory: MemoryLog;
  readonly registry: Registry;
  readonly port: number;
}

/** A gateway on a free port over a log in memory; both end with the test. */
export async function startGateway(overrides: GatewayOverrides = {}): Promise<TestGateway> {
  const memory = overrides.log ?? new MemoryLog();
  const log = new FaultyLog(memory);
  await log.ensureTopics(Object.values(logTopics));
  const registry = new Registry();
  const { mqtt, clock = systemClock, logger = silentLogger, log: _log, ...parts } = overrides;
  const config = gatewayConfigSchema.parse({ mqtt: { port: 0, ...mqtt }, ...parts });
  const gateway = createGateway(config, { log, clock, logger, registry, secret });
  await gateway.start();
  onTestFinished(async () => {
    log.release();
    await gateway.stop(100);
  });
  return { gateway, log, memory, registry, port: gateway.address().port };
}

/** A connected device; its connection ends with the test. It does not reconnect unless told to. */
export async function connectDevice(port: number, device: DeviceId, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: device.device,
    username: `${device.site}/${device.device}`,
    password: deviceToken(secret, device),
    reconnectPeriod: 0,
    connectTimeout: 5000,
    ...options,
  });
  client.on('error', () => undefined);
  onTestFinished(() => void client.end(true));
  return client;
}

/** A pack of `readings` temperatures. */
export function packOf(device: DeviceId, seq: number, readings = 3, coding: TransferCoding = 'zlib'): Buffer {
  const catalogue = testCatalogue(['temp'], device.site, device.device);
  const points = Array.from({ length: readings }, (_, i) =>
    rawPoint('temp', 1_790_000_000_000_000 + (seq * readings + i) * 1_000_000, 20 + (i % 50) / 10),
  );
  return Buffer.from(encodePack(testPack(catalogue, seq, points), new Map([['temp', 'Cel']]), coding));
}

export const dataTopic = (device: DeviceId): string => mqttTopic(device, 'data');

/** A TCP connection that speaks whatever the test writes; it collects what comes back. */
export class RawSocket {
  received = Buffer.alloc(0);
  ended = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => (this.received = Buffer.concat([this.received, chunk])));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.ended = true));
    onTestFinished(() => void socket.destroy());
  }

  static async open(port: number): Promise<RawSocket> {
    const socket = connectTcp(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawSocket(socket);
  }

  write(...bytes: (Uint8Array | string)[]): void {
    for (const part of bytes) this.socket.write(part);
  }
}
