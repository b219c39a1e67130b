import { connect as connectTcp, type Socket } from 'node:net';
import { generate, parser as newParser, type Packet } from 'mqtt-packet';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../core/contract/names.js';
import { deviceToken } from '../../core/runtime/device-token.js';

/** Clients that do nothing for the line, and must do nothing to it. */
export interface Bystanders {
  /** How many of the idle ones are still connected. */
  idle(): number;
  close(): void;
}

export interface BystanderOptions {
  readonly port: number;
  readonly secret: Uint8Array;
  readonly idle: number;
  /** They subscribe to their commands, publish in a storm, and never read a byte of what comes back. */
  readonly deaf: number;
}

const connectsAtOnce = 100;

/** Resolves when all are connected. */
export async function startBystanders({ port, secret, idle, deaf }: BystanderOptions): Promise<Bystanders> {
  const quiet: Socket[] = [];
  for (let from = 0; from < idle; from += connectsAtOnce) {
    const some = Array.from({ length: Math.min(connectsAtOnce, idle - from) }, (_, i) => from + i);
    quiet.push(...(await Promise.all(some.map((i) => logIn(port, secret, named('idle', i))))));
  }
  const storms: Socket[] = [];
  for (let i = 0; i < deaf; i += 1) storms.push(await shoutWithoutListening(port, secret, named('deaf', i)));
  return {
    idle: () => quiet.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open').length,
    close: () => [...quiet, ...storms].forEach((socket) => socket.destroy()),
  };
}

const named = (what: string, i: number): DeviceId => ({ site: 'bystanders', device: `${what}-${i}` });

function logIn(port: number, secret: Uint8Array, device: DeviceId): Promise<Socket> {
  const userName = `${device.site}/${device.device}`;
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1');
    const read = newParser({ protocolVersion: 4 });
    read.on('packet', (packet: Packet) => {
      if (packet.cmd !== 'connack') return;
      if (packet.returnCode === 0) resolve(socket);
      else reject(new Error(`${userName} was answered ${packet.returnCode}`));
    });
    socket.on('data', (chunk) => read.parse(chunk));
    socket.on('error', reject);
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: device.device,
        keepalive: 0,
        username: userName,
        password: Buffer.from(deviceToken(secret, device)),
      }),
    );
  });
}

/** QoS 1 publishes that the gateway must answer, as many as the socket takes, from one who never reads the answers. */
async function shoutWithoutListening(port: number, secret: Uint8Array, device: DeviceId): Promise<Socket> {
  const socket = await logIn(port, secret, device);
  socket.removeAllListeners('data').pause();
  const topic = mqttTopic(device, 'data');
  let messageId = 0;
  const shout = (): void => {
    while (!socket.destroyed && messageId < 60_000) {
      messageId += 1;
      // Not a pack: it is set aside durably, and answered.
      const packet = { cmd: 'publish', topic, payload: 'noise', qos: 1, messageId, dup: false, retain: false } as const;
      if (!socket.write(generate(packet))) return void socket.once('drain', shout);
    }
  };
  shout();
  return socket;
}
