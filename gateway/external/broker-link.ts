import type { Socket } from 'node:net';
import mqttPacket, { type IConnackPacket, type IPublishPacket, type ISubackPacket, type Packet } from 'mqtt-packet';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import { PacketFramer, packetType, type FramerLimits, type FramingFault } from '../broker/packet-framer.js';
import type { LinkState } from './link-state.js';
import { OrderedAcks } from './ordered-acks.js';
import type { ReceiveWindow } from './receive-window.js';

export interface LinkOptions {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly protocol: 4 | 5;
  readonly keepaliveMs: number;
  readonly sessionExpiryMs: number;
  readonly receiveMaximum: number;
  readonly limits: FramerLimits;
  readonly window: ReceiveWindow;
  readonly state: LinkState;
  readonly clock: Clock;
  /** A message came. `done` gives its room back, and acknowledges it if it is stored; call it once. */
  readonly onPublish: (packet: IPublishPacket, done: (isStored: boolean) => void) => void;
}

/** What waits for an answer of the broker with this packet id. */
interface Waiting {
  readonly resolve: (packet: Packet) => void;
  readonly reject: (error: Error) => void;
}

const refusedFrom = 0x80;
const lingerMs = 1000;
const retainUnavailable = 'the broker retains nothing';

/**
 * One connection to a broker, from its socket to its end; it never reconnects. mqtt.js hands one message at a time to
 * whoever acknowledges by hand; here as many as the window has room for are in work, and beyond it the socket is not read.
 */
export class BrokerLink {
  /** Resolves with the reason when the connection has ended, whoever ended it. */
  readonly closed: Promise<string>;
  connack: IConnackPacket | undefined;
  private reason: string | undefined;
  private isClosed = false;
  private isReading = true;
  private readonly framer: PacketFramer;
  private readonly parser: mqttPacket.Parser;
  private readonly acks = new OrderedAcks();
  private readonly waiting = new Map<number, Waiting>();
  private greeted: Waiting | undefined;
  private receivedMs: number;
  private sentMs: number;
  private outgoing: Buffer[] = [];

  constructor(
    private readonly socket: Socket,
    private readonly options: LinkOptions,
  ) {
    this.receivedMs = this.sentMs = options.clock.monotonicMs();
    this.parser = mqttPacket.parser({ protocolVersion: options.protocol });
    this.parser.on('packet', (packet) => this.take(packet));
    this.parser.on('error', (error) => this.cut(`not MQTT: ${messageOf(error)}`));
    this.framer = new PacketFramer(options.limits, {
      admit: (type, length) => this.admit(type, length),
      take: (packet) => void this.parser.parse(packet),
    });
    socket.on('data', (chunk: Buffer) => this.read(() => this.framer.write(chunk)));
    socket.on('error', (error) => (this.reason ??= error.message));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(this.finish())));
  }

  /** Whether messages wait for room. */
  get isBlocked(): boolean {
    return this.framer.isWaiting;
  }

  /** Throws RetryableError `unauthorised` or `unavailable`. */
  async greet(): Promise<IConnackPacket> {
    const { clientId, username, password, protocol, keepaliveMs, receiveMaximum, sessionExpiryMs } = this.options;
    const five = { sessionExpiryInterval: Math.round(sessionExpiryMs / 1000), receiveMaximum };
    this.write({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: protocol,
      clean: false,
      clientId,
      keepalive: Math.round(keepaliveMs / 1000),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(protocol === 5 && { properties: five }),
    });
    const connack = await new Promise<Packet>((resolve, reject) => (this.greeted = { resolve, reject }));
    this.connack = connack as IConnackPacket;
    return this.connack;
  }

  /** The code that the broker granted each filter with. */
  async subscribe(filters: readonly string[], qos: 0 | 1 | 2): Promise<number[]> {
    const isFive = this.options.protocol === 5;
    // What a broker retains of devices came already when it was published. Not allowed for shared ones, which get none.
    const subscriptions = filters.map((topic) => ({ topic, qos, ...(isFive && !isShared(topic) && { rh: 2 }) }));
    const suback = await this.ask((messageId) => ({ cmd: 'subscribe', messageId, subscriptions }));
    return (suback as ISubackPacket).granted as number[];
  }

  /**
   * Publishes with QoS 1; resolves with the PUBACK. Throws RetryableError `unavailable` when the connection ends first,
   * RejectedError `refused` if the broker does not take it.
   */
  async publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    if (retain && this.connack?.properties?.retainAvailable === false)
      throw new RejectedError('refused', retainUnavailable);
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const publish = { cmd: 'publish', topic, payload: bytes, qos: 1, retain, dup: false } as const;
    const puback = await this.ask((messageId) => ({ ...publish, messageId }));
    const code = 'reasonCode' in puback ? (puback.reasonCode ?? 0) : 0;
    if (code >= refusedFrom) throw new RejectedError('refused', `${topic}: the broker refused it, ${hex(code)}`);
  }

  /** To be called a few times in each keepalive. A broker that we do not read from cannot show that it lives. */
  sweep(nowMs: number): void {
    const { keepaliveMs } = this.options;
    if (this.isBlocked || !this.isReading) this.receivedMs = nowMs;
    else if (nowMs - this.receivedMs > 1.5 * keepaliveMs) return this.cut('nothing came for 1.5 × keepalive');
    if (nowMs - Math.min(this.sentMs, this.receivedMs) >= 0.5 * keepaliveMs) this.write({ cmd: 'pingreq' });
  }

  /** Takes no more messages; acknowledgements still go out. */
  pause(): void {
    this.isReading = false;
    this.options.window.wait(undefined);
    this.socket.pause();
  }

  /** Says goodbye, after the acknowledgements that are due; the broker keeps the session. */
  async end(): Promise<void> {
    this.write({ cmd: 'disconnect' });
    this.flush();
    this.reason ??= 'stopped';
    this.socket.removeAllListeners('data');
    this.socket.end();
    this.socket.resume();
    const closed = new AbortController();
    void this.closed.then(() => closed.abort());
    await this.options.clock.sleep(lingerMs, closed.signal);
    this.socket.destroy();
  }

  cut(reason: string): void {
    this.reason ??= reason;
    this.socket.destroy();
  }

  private admit(type: number, length: number): 'take' | 'wait' | FramingFault {
    if (type !== packetType.publish) return 'take';
    return this.options.window.reserve(Math.min(length, this.options.limits.maxPublishBytes)) ? 'take' : 'wait';
  }

  private read(step: () => FramingFault | undefined): void {
    if (this.isClosed) return;
    this.receivedMs = this.options.clock.monotonicMs();
    const fault = step();
    if (fault !== undefined) return this.cut(`the broker sent what is not taken here: ${fault}`);
    if (!this.framer.isWaiting) return void (this.isReading && this.socket.resume());
    this.socket.pause();
    if (this.isReading) this.options.window.wait(() => this.read(() => this.framer.resume()));
  }

  private take(packet: Packet): void {
    if (packet.cmd === 'publish') return this.receive(packet);
    if (packet.cmd === 'connack') return this.welcome(packet);
    if (packet.cmd === 'pubrel') return this.complete(packet.messageId!);
    if (packet.cmd === 'disconnect') return this.cut(`the broker ended the connection, ${hex(packet.reasonCode)}`);
    if (packet.cmd !== 'puback' && packet.cmd !== 'suback') return;
    this.waiting.get(packet.messageId!)?.resolve(packet);
    this.waiting.delete(packet.messageId!);
  }

  private receive(packet: IPublishPacket): void {
    const { state, window, limits, onPublish } = this.options;
    const { qos, dup, messageId = 0 } = packet;
    const bytes = Math.min(packet.length!, limits.maxPublishBytes);
    const acknowledge = this.acks.add(() => this.acknowledge(qos, messageId));
    const done = (isStored: boolean): void => {
      window.release(bytes);
      if (isStored) acknowledge();
    };
    // A broker that went back to an older state of the session gives the id to another message: that one is no DUP.
    if (qos === 2 && dup && state.received.has(messageId)) done(true);
    else onPublish(packet, done);
  }

  private acknowledge(qos: number, messageId: number): void {
    // The id may be another message's on the next connection.
    if (this.isClosed || qos === 0) return;
    if (qos === 2) this.options.state.received.add(messageId);
    this.send(Buffer.of(qos === 1 ? 0x40 : 0x50, 2, messageId >> 8, messageId & 0xff));
  }

  private complete(messageId: number): void {
    this.options.state.received.delete(messageId);
    this.send(Buffer.of(0x70, 2, messageId >> 8, messageId & 0xff));
  }

  private welcome(packet: IConnackPacket): void {
    const code = this.options.protocol === 5 ? (packet.reasonCode ?? 0) : (packet.returnCode ?? 0);
    if (code === 0) return this.greeted?.resolve(packet);
    this.cut(`the broker refused the connection, ${hex(code)}${unauthorisedCodes.has(code) ? ': not authorised' : ''}`);
  }

  /** Sends a packet that the broker answers under its id. */
  private ask(packetOf: (messageId: number) => Packet): Promise<Packet> {
    if (this.isClosed)
      return Promise.reject(new RetryableError('unavailable', 'the connection to the broker has ended'));
    const id = this.options.state.nextId((taken) => this.waiting.has(taken));
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.write(packetOf(id));
    });
  }

  private write(packet: Packet): void {
    this.send(mqttPacket.generate(packet, { protocolVersion: this.options.protocol }));
  }

  /** All of one turn in one write: acknowledgements come in flocks. */
  private send(bytes: Buffer): void {
    if (this.isClosed || this.outgoing.push(bytes) > 1) return;
    queueMicrotask(() => this.flush());
  }

  private flush(): void {
    if (this.outgoing.length === 0) return;
    const bytes = Buffer.concat(this.outgoing);
    this.outgoing = [];
    this.sentMs = this.options.clock.monotonicMs();
    if (this.socket.writable) this.socket.write(bytes);
  }

  private finish(): string {
    this.isClosed = true;
    this.options.window.wait(undefined);
    const reason = (this.reason ??= 'the broker closed the connection');
    const error = new RetryableError('unavailable', reason);
    for (const { reject } of [...this.waiting.values(), ...(this.greeted ? [this.greeted] : [])]) reject(error);
    this.waiting.clear();
    return reason;
  }
}

/** 3.1.1: bad user name, not authorised; 5: the same. */
const unauthorisedCodes = new Set([4, 5, 0x86, 0x87]);

export function isShared(filter: string): boolean {
  return filter.startsWith('$share/');
}

function hex(code = 0): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
