import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { onTestFinished } from 'vitest';
import type { DeviceCommandResult } from '../../../core/contract/device-commands.js';
import { deviceStateSchema, type DeviceState } from '../../../core/contract/device-events.js';
import { parseMqttTopic } from '../../../core/contract/mqtt-topics.js';
import { decodePack, type DecodedPack } from '../../../core/contract/pack.js';

/** A real broker that notes what devices publish, and can go away and come back on its port. */
export class TestGateway {
  readonly packs: DecodedPack[] = [];
  readonly states: DeviceState[] = [];
  /** Command id and what the device answered. */
  readonly results: [id: string, result: DeviceCommandResult][] = [];
  private readonly sockets = new Set<Socket>();
  private open: { broker: Aedes; server: Server } | undefined;

  private constructor(readonly port: number) {}

  static async start(port: number): Promise<TestGateway> {
    const gateway = new TestGateway(port);
    await gateway.up();
    onTestFinished(() => gateway.down());
    return gateway;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    const broker = await Aedes.createBroker({
      // Runs before the PUBACK: what is noted here is what the device may take for delivered.
      authorizePublish: (_client, { topic, payload }, done) => {
        this.note(topic, payload as Buffer);
        done(null);
      },
    });
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      broker.handle(socket);
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.open = { broker, server };
  }

  /** Cuts every connection. */
  async down(): Promise<void> {
    const { open } = this;
    if (!open) return;
    this.open = undefined;
    open.server.close();
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => open.broker.close(resolve));
  }

  /** Says something to the device, as the gateway does. */
  async say(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    const packet = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false } as const;
    await new Promise<void>((resolve, reject) =>
      this.open!.broker.publish(packet, (error) => (error ? reject(error) : resolve())),
    );
  }

  private note(topic: string, payload: Buffer): void {
    const parsed = parseMqttTopic(topic);
    if (parsed?.kind === 'data') this.packs.push(decodePack(payload, parsed));
    if (parsed?.kind === 'result')
      this.results.push([parsed.id!, JSON.parse(payload.toString()) as DeviceCommandResult]);
    if (parsed?.kind === 'state') this.states.push(deviceStateSchema.parse(JSON.parse(payload.toString())));
  }
}
