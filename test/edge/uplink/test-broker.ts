import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes, type Client, type PublishPacket } from 'aedes';
import { onTestFinished } from 'vitest';
import { parseMqttTopic, type DeviceTopic } from '../../../core/contract/mqtt-topics.js';
import { decodeTraced } from '../../contracts/outbox/traced-pack.js';

/** A message in the order in which the broker read it. */
export interface Taken {
  readonly kind: DeviceTopic['kind'];
  readonly clientId: string;
  readonly payload: Buffer;
  /** The pack number of data and alerts. */
  readonly seq: number | undefined;
}

/** A real broker (aedes) in this process that can hold its PUBACKs, as the gateway does while its log is away. */
export class TestBroker {
  readonly taken: Taken[] = [];
  readonly clients = new Set<Client>();
  readonly sessions: string[] = [];
  connections = 0;
  /** Most packs that waited for their PUBACK at once. */
  mostHeld = 0;
  #holding = false;
  #held: (() => void)[] = [];
  #aedes!: Aedes;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  port = 0;

  static async start(): Promise<TestBroker> {
    const broker = new TestBroker();
    await broker.listen();
    onTestFinished(() => broker.close());
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get heldPacks(): number {
    return this.#held.length;
  }

  async listen(): Promise<void> {
    this.#aedes = await Aedes.createBroker({
      authorizePublish: (client, packet, done) => this.#authorize(client, packet, done),
    });
    this.#aedes.on('clientReady', (client) => {
      this.connections += 1;
      this.clients.add(client);
    });
    this.#aedes.on('clientDisconnect', (client) => this.clients.delete(client));
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      this.#aedes.handle(socket);
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as { port: number }).port;
  }

  /** Ends at once, as a kill would: no PUBACK leaves any more. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
    this.#held = [];
    server.close();
    await once(server, 'close');
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
  }

  cutClients(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
    this.#held = [];
  }

  /** From now on no publish of a pack is acknowledged. */
  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const done of this.#held.splice(0)) done();
  }

  seqs(kind: 'data' | 'alert'): number[] {
    return this.taken.filter((message) => message.kind === kind).map(({ seq }) => seq!);
  }

  states(type?: string): Record<string, unknown>[] {
    const states = this.taken
      .filter(({ kind }) => kind === 'state')
      .map(({ payload }) => JSON.parse(payload.toString()));
    return (states as Record<string, unknown>[]).filter((state) => type === undefined || state['type'] === type);
  }

  async command(id: string, command: object): Promise<void> {
    const topic = `fieldline/plant1/press-07/command/${id}`;
    const packet = { cmd: 'publish', topic, payload: Buffer.from(JSON.stringify(command)), qos: 1 } as const;
    await new Promise<void>((resolve, reject) =>
      this.#aedes.publish({ ...packet, retain: false, dup: false }, (error) => (error ? reject(error) : resolve())),
    );
  }

  #authorize(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const topic = parseMqttTopic(packet.topic);
    if (!client || !topic) return done(new Error('not one of ours'));
    const isPack = topic.kind === 'data' || topic.kind === 'alert';
    const payload = Buffer.from(packet.payload);
    const seq = isPack ? decodeTraced(payload).seq : undefined;
    this.taken.push({ kind: topic.kind, clientId: client.id, payload, seq });
    if (!isPack || !this.#holding) return done(null);
    this.#held.push(() => done(null));
    this.mostHeld = Math.max(this.mostHeld, this.#held.length);
  }
}
