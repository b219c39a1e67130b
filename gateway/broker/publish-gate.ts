import { setImmediate } from 'node:timers/promises';
import type { AedesOptions, Client, PublishPacket } from 'aedes';
import { parseMqttTopic } from '#core/contract/mqtt-topics.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DeviceMessage, MessageSink, Outcome } from '../intake/message.js';
import { beginHold, endHold, isWill, refreshKeepalive } from './aedes-internals.js';
import type { ConnectionStream } from './connection-stream.js';
import type { Refusals } from './refusals.js';

type Callback = (error?: Error | null) => void;
type Topic = DeviceMessage['topic'];

export interface PublishGateOptions {
  readonly intake: MessageSink;
  readonly refusals: Refusals;
  readonly clock: Clock;
  /** Hears how long a publish was held, in milliseconds. */
  readonly onSettled: (heldMs: number) => void;
}

const nothing = Buffer.alloc(0);

/**
 * The publish hook of aedes: the only one that runs before the PUBACK, so its callback is held until the log has the
 * message. It also runs for wills, and for each repetition of a QoS 2 publish; those are stored again, which is allowed.
 */
export class PublishGate {
  /** Connections with publishes held, and how many. */
  private readonly holding = new Map<Client, number>();
  private stopping = false;
  private readonly whenIdle = new Set<() => void>();

  constructor(private readonly options: PublishGateOptions) {}

  readonly authorize: NonNullable<AedesOptions['authorizePublish']> = (client, packet, callback) => {
    if (client === null) return callback(new Error('a publish without a connection'));
    const stream = client.conn as ConnectionStream;
    if (isWill(client, packet)) return this.will(stream, packet, callback);
    stream.handOver(packet.length!);
    const account = stream.account!;
    const topic = this.check(client, stream, packet);
    if (topic instanceof Error) {
      account.release(packet.length!);
      stream.refusal = topic.reason;
      return callback(topic);
    }
    this.hold(client, packet, topic, (outcome) => {
      account.release(packet.length!);
      // What is returned is never acknowledged: its connection ends with the gateway.
      if (outcome === 'stored') callback(null);
      if (outcome === 'refused') callback(this.refuse(client, 'another pack has this number in this epoch'));
    });
  };

  start(): void {
    this.stopping = false;
  }

  /** From now on a lost connection is the gateway's doing, and says nothing about the device: wills are not stored. */
  stop(): void {
    this.stopping = true;
  }

  /** Resolves when nothing is held, and the acknowledgements are on their way, or after `withinMs`. */
  async idle(withinMs: number): Promise<void> {
    // What was just read is on its way to the hook.
    await setImmediate();
    const settled = new AbortController();
    this.whenIdle.add(() => settled.abort());
    if (this.holding.size > 0) await this.options.clock.sleep(withinMs, settled.signal);
    await setImmediate();
  }

  /** Keeps the connections alive that are quiet because of us. */
  refresh(): void {
    for (const client of this.holding.keys()) refreshKeepalive(client);
  }

  private refuse(client: Client, detail: string): Error {
    (client.conn as ConnectionStream).refusal = 'number-conflict';
    return this.options.refusals.add('number-conflict', detail, { client: client.id });
  }

  private check(client: Client, stream: ConnectionStream, packet: PublishPacket) {
    const who = { client: client.id };
    if (packet.retain) return this.options.refusals.add('retained', 'a device may not retain messages', who);
    return (
      topicOf(stream, packet.topic) ??
      this.options.refusals.add('forbidden-topic', `may not publish to ${packet.topic.slice(0, 200)}`, who)
    );
  }

  private hold(client: Client, packet: PublishPacket, topic: Topic, done: (outcome: Outcome) => void): void {
    beginHold(client);
    this.holding.set(client, (this.holding.get(client) ?? 0) + 1);
    this.pass(topic, packet.payload as Buffer, (outcome) => {
      this.unhold(client);
      // What is left of the packet stays in aedes for a QoS 2 handshake, and needs no payload.
      packet.payload = nothing;
      endHold(client);
      done(outcome);
    });
  }

  private unhold(client: Client): void {
    const left = this.holding.get(client)! - 1;
    if (left > 0) this.holding.set(client, left);
    else this.holding.delete(client);
    refreshKeepalive(client);
    if (this.holding.size === 0) for (const resolve of this.whenIdle) resolve();
  }

  private will(stream: ConnectionStream, packet: PublishPacket, callback: Callback): void {
    const { account } = stream;
    const topic = topicOf(stream, packet.topic);
    if (topic === undefined || this.stopping) return callback(new Error('the will is not stored'));
    const payload = packet.payload as Buffer;
    // Nothing holds a device back from being lost again and again.
    if (!account!.reserve(payload.length)) {
      return callback(this.options.refusals.add('will-without-room', 'no room for a will', { sender: account!.key }));
    }
    this.pass(topic, payload, (outcome) => {
      account!.release(payload.length);
      if (outcome === 'stored') callback(null);
    });
  }

  private pass(topic: Topic, payload: Buffer, settled: (outcome: Outcome) => void): void {
    const { clock, intake, onSettled } = this.options;
    const sinceMs = clock.monotonicMs();
    const settle = (outcome: Outcome) => {
      if (outcome === 'stored') onSettled(clock.monotonicMs() - sinceMs);
      settled(outcome);
    };
    intake.receive({ topic, payload, receivedUs: clock.nowUs(), settle });
  }
}

/** Undefined for a topic that this connection may not write to. */
function topicOf({ rights }: ConnectionStream, topic: string): Topic | undefined {
  return rights?.mayPublish(topic) ? (parseMqttTopic(topic) as Topic | undefined) : undefined;
}
