import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import mqttPacket, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';
import { onTestFinished } from 'vitest';
import { waitFor } from '../servers/wait-for.js';

const withinMs = 15_000;

export interface Received {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
}

/**
 * An MQTT 3.1.1 client that does what it is told and nothing else: no reconnecting, no pings. It answers what it is
 * sent, unless it is told to be silent, and keeps the ids of its session over its connections.
 */
export class PlainClient {
  /** Messages, those of QoS 2 once they were released. */
  readonly messages: Received[] = [];
  /** All packets of the connection, as they came. */
  packets: Packet[] = [];
  /** Answers neither PUBLISH nor PUBREL while it is set. */
  silent = false;
  ended = true;
  private socket: Socket | undefined;
  private nextId = 1;
  private readonly held = new Map<number, Received>();

  constructor(
    private readonly port: number,
    private readonly clientId: string,
  ) {
    onTestFinished(() => void this.socket?.destroy());
  }

  /** Connects, and resolves with the CONNACK; undefined if the connection ended without one. */
  async connect(fields: Partial<IConnectPacket> = {}) {
    await this.open();
    return this.sayConnect(fields);
  }

  /** CONNECT on the connection that is open. */
  async sayConnect(fields: Partial<IConnectPacket> = {}) {
    const { clientId } = this;
    const base = {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      keepalive: 0,
      clientId,
    } as const;
    this.send({ ...base, ...fields });
    return this.answer('connack');
  }

  /** Resolves with the answer of QoS 1 (PUBACK) or 2 (PUBCOMP). */
  async publish(topic: string, payload: string, qos: 0 | 1 | 2 = 0, retain = false): Promise<void> {
    const messageId = qos === 0 ? undefined : (this.nextId += 1);
    this.send({
      cmd: 'publish',
      topic,
      payload,
      qos,
      retain,
      dup: false,
      ...(messageId !== undefined && { messageId }),
    });
    if (qos === 1) await this.answer('puback', messageId);
    if (qos < 2) return;
    await this.answer('pubrec', messageId);
    this.send({ cmd: 'pubrel', messageId: messageId! });
    await this.answer('pubcomp', messageId);
  }

  /** Resolves with what was granted for each filter. */
  async subscribe(...filters: readonly (readonly [topic: string, qos: 0 | 1 | 2])[]): Promise<number[]> {
    const messageId = (this.nextId += 1);
    this.send({ cmd: 'subscribe', messageId, subscriptions: filters.map(([topic, qos]) => ({ topic, qos })) });
    return [...((await this.answer('suback', messageId))!.granted as number[])];
  }

  async unsubscribe(...topics: string[]): Promise<void> {
    const messageId = (this.nextId += 1);
    this.send({ cmd: 'unsubscribe', messageId, unsubscriptions: topics });
    await this.answer('unsuback', messageId);
  }

  /** A PINGREQ and its answer: what was sent to this client before has arrived. */
  async ping(): Promise<void> {
    const before = this.count('pingresp');
    this.send({ cmd: 'pingreq' });
    await waitFor('PINGRESP', withinMs, () => this.count('pingresp') > before, 5);
  }

  /** Waits for so many messages, and for as long as a message more would take. */
  async receive(count: number): Promise<Received[]> {
    await waitFor(`${count} messages at ${this.clientId}`, withinMs, () => this.messages.length >= count, 5);
    await this.ping();
    return this.messages.splice(0);
  }

  /** DISCONNECT. */
  async disconnect(): Promise<void> {
    this.send({ cmd: 'disconnect' });
    await waitFor('the end', withinMs, () => this.ended, 5);
  }

  /** The network is gone, without a word. */
  async vanish(): Promise<void> {
    this.socket!.resetAndDestroy();
    await waitFor('the end', withinMs, () => this.ended, 5);
  }

  async open(): Promise<void> {
    this.packets = [];
    this.ended = false;
    const socket = (this.socket = connect(this.port, '127.0.0.1'));
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    parser.on('packet', (packet) => this.take(packet));
    socket.on('data', (chunk) => parser.parse(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.ended ||= socket === this.socket));
    await once(socket, 'connect');
  }

  send(packet: Packet): void {
    this.socket!.write(mqttPacket.generate(packet));
  }

  private async answer<Cmd extends Packet['cmd']>(cmd: Cmd, messageId?: number) {
    const isIt = (packet: Packet): packet is Extract<Packet, { cmd: Cmd }> =>
      packet.cmd === cmd && (messageId === undefined || packet.messageId === messageId);
    await waitFor(`${cmd} for ${this.clientId}`, withinMs, () => this.ended || this.packets.some(isIt), 2);
    return this.packets.find(isIt);
  }

  private count(cmd: Packet['cmd']): number {
    return this.packets.filter((packet) => packet.cmd === cmd).length;
  }

  private take(packet: Packet): void {
    this.packets.push(packet);
    if (packet.cmd === 'pubrel') this.release(packet.messageId!);
    if (packet.cmd === 'publish') this.takePublish(packet);
  }

  private takePublish({ topic, payload, qos, retain, dup, messageId }: IPublishPacket): void {
    if (this.silent) return;
    const message = { topic, payload: payload.toString(), qos, retain, dup };
    if (qos === 2) this.held.set(messageId!, message);
    else this.messages.push(message);
    if (qos > 0) this.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: messageId! });
  }

  private release(messageId: number): void {
    if (this.silent) return;
    const message = this.held.get(messageId);
    this.held.delete(messageId);
    if (message) this.messages.push(message);
    this.send({ cmd: 'pubcomp', messageId });
  }
}
