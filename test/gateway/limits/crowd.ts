import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { mqttTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { deviceToken } from '../../../core/runtime/device-token.js';
import { ReconnectDelays, type ReconnectSchedule } from '../../../edge/uplink/reconnect-delays.js';
import { pause } from '../../servers/wait-for.js';
import { dataTopic, packOf, secret } from '../harness.js';
import { connectPacket, publishPacket, subscribePacket } from '../mqtt-bytes.js';

export const crowdOf = (count: number): DeviceId[] =>
  Array.from({ length: count }, (_, i) => ({ site: 'plant1', device: `device-${i}` }));

export interface CrowdOptions {
  readonly port: number;
  readonly devices: readonly DeviceId[];
  /** The PEM of the gateway's certificate, where it speaks TLS. */
  readonly ca?: Buffer;
  /** How a device that was turned away comes back; default that of our edge. */
  readonly reconnect?: ReconnectSchedule;
}

export interface CrowdResult {
  readonly sockets: readonly Socket[];
  /** From the start of all until this device was served, sorted. */
  readonly servedMs: readonly number[];
  /** CONNACKs with return code 3. */
  readonly turnedAway: number;
  /** Connections that ended before they were served. */
  readonly lost: number;
}

/** CONNACK, the SUBACK of two filters, and the PUBACK. */
const answerBytes = 4 + 6 + 4;
const serverUnavailable = 3;

/**
 * All devices connect at once, each as after an outage: it logs in, subscribes to its config and commands, and publishes
 * a pack; it is served when that is acknowledged. Whoever is turned away comes back as our edge does.
 */
export async function crowdIn(options: CrowdOptions): Promise<CrowdResult> {
  const counts = { turnedAway: 0, lost: 0 };
  const startedMs = performance.now();
  const served = await Promise.all(
    options.devices.map(async (device) => {
      const delays = new ReconnectDelays(options.reconnect ?? { firstMs: 500, maxMs: 30_000 }, Math.random);
      for (;;) {
        const outcome = await visit(options, device);
        if (typeof outcome !== 'string') return { socket: outcome, ms: performance.now() - startedMs };
        counts[outcome] += 1;
        await pause(delays.next(outcome === 'turnedAway'));
      }
    }),
  );
  const servedMs = served.map(({ ms }) => ms).sort((a, b) => a - b);
  return { sockets: served.map(({ socket }) => socket), servedMs, ...counts };
}

async function visit({ port, ca }: CrowdOptions, device: DeviceId): Promise<Socket | 'turnedAway' | 'lost'> {
  const host = '127.0.0.1';
  const socket = ca ? connectTls({ port, host, ca, servername: 'localhost' }) : connectTcp(port, host);
  const closed = once(socket, 'close').then(
    () => true,
    () => true,
  );
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  socket.write(greeting(device));
  let received = Buffer.alloc(0);
  const answered = new Promise<false>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= answerBytes) resolve(false);
    });
  });
  if (!(await Promise.race([closed, answered]))) return socket;
  return received[3] === serverUnavailable ? 'turnedAway' : 'lost';
}

function greeting(device: DeviceId): Buffer {
  const filters = [mqttTopic(device, 'config'), mqttTopic(device, 'command', '+')];
  return Buffer.concat([
    connectPacket({ device, password: deviceToken(secret, device), clientId: device.device, keepaliveS: 600 }),
    subscribePacket(filters, 1),
    publishPacket(dataTopic(device), packOf(device, 0), 1, 2),
  ]);
}

export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

export function report(name: string, { servedMs, turnedAway, lost }: CrowdResult): string {
  const [half, most, all] = [0.5, 0.99, 1].map((part) => (quantile(servedMs, part) / 1000).toFixed(1));
  const counts = `${servedMs.length} served; turned away ${turnedAway} times, lost ${lost} times`;
  return `${name}: ${counts}; half after ${half} s, 99 % after ${most} s, the last after ${all} s`;
}
