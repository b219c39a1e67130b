import { setImmediate } from 'node:timers/promises';
import type { AedesOptions, Client, PublishPacket as AedesPublish } from 'aedes';
import { isUpTopic, parseMqttTopic } from '#core/contract/mqtt-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DeviceMessage, ForeignArrival, MessageSink, Outcome } from '../intake/message.js';
import type { TopicRouter } from '../intake/topic-router.js';
import { Acknowledgements, answer } from './acknowledgements.js';
import { isWill, refreshKeepalive } from './aedes-internals.js';
import type { ConnectionStream, PublishTaker } from './connection-stream.js';
import { KeptSessions, type OpenPublishes } from './open-publishes.js';
import { emptyPublish, readPublish } from './publish-packet.js';
import type { PublishRoute } from './publish-route.js';
import type { Refusals } from './refusals.js';

type Callback = (error?: Error | null) => void;
type HeldRoute = Exclude<PublishRoute, { to: 'aedes' }>;

export interface PublishGateOptions {
  readonly intake: MessageSink;
  /** Which topics are for foreign sources. */
  readonly router: Pick<TopicRouter, 'route'>;
  readonly refusals: Refusals;
  readonly clock: Clock;
  /** Hears how long a publish was held, in milliseconds. */
  readonly onSettled: (heldMs: number) => void;
  /** Takes a request for a certificate; resolves when it is answered, and may be acknowledged. */
  readonly enrol?: ((device: DeviceId, stream: ConnectionStream, payload: Uint8Array) => Promise<void>) | undefined;
  /** The first data of a connection was stored, and is being acknowledged. */
  readonly onSpoken?: ((device: DeviceId, stream: ConnectionStream) => void) | undefined;
}

/** As aedes has it. */
const maxTopicLevels = 100;

/**
 * Takes publishes from the packets of their connections, past aedes, and answers each when the log has it; those of one
 * connection in the order of their arrival. aedes is left with wills, and with topics that are not for the log.
 */
export class PublishGate implements PublishTaker {
  /** Connections for which publishes are held. */
  private readonly holding = new Set<ConnectionStream>();
  private readonly answers = new Acknowledgements();
  private readonly sessions: KeptSessions<ConnectionStream>;
  private readonly packet = emptyPublish();
  private stopping = false;
  private readonly whenIdle = new Set<() => void>();

  constructor(private readonly options: PublishGateOptions) {
    this.sessions = new KeptSessions(() => options.clock.monotonicMs());
  }

  /** The hook of aedes: the only one that runs before its PUBACK. */
  readonly authorize: NonNullable<AedesOptions['authorizePublish']> = (client, packet, callback) => {
    if (client === null) return callback(new Error('a publish without a connection'));
    const stream = client.conn as ConnectionStream;
    if (isWill(client, packet)) return this.will(stream, packet, callback);
    // Whether it may was asked before aedes had it.
    stream.handOver(packet.length!);
    stream.account!.release(packet.length!);
    callback(null);
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
    // What was just read is on its way to the intake.
    await setImmediate();
    const settled = new AbortController();
    this.whenIdle.add(() => settled.abort());
    if (this.holding.size > 0) await this.options.clock.sleep(withinMs, settled.signal);
    this.answers.flush();
  }

  /** Keeps the connections alive that are quiet because of us. */
  refresh(): void {
    for (const { client } of this.holding) if (client) refreshKeepalive(client);
  }

  /** The CONNECT was accepted: its open QoS 2 publishes are those of its session. */
  opened(stream: ConnectionStream, { id }: Client): void {
    stream.openPublishes = this.sessions.resume(id, stream, !stream.keepsSession);
  }

  gone(stream: ConnectionStream): void {
    const { client, openPublishes } = stream;
    if (client && openPublishes) this.sessions.leave(client.id, openPublishes, stream);
  }

  publish(stream: ConnectionStream, bytes: Buffer, reserved: number): boolean {
    const { packet } = this;
    if (!readPublish(packet, bytes)) {
      stream.refuse('protocol-error', 'a PUBLISH that is none');
      return true;
    }
    const { topicStart, topicEnd, payloadStart, retain, qos, messageId } = packet;
    const route =
      stream.routes.find(bytes, topicStart, topicEnd) ??
      this.judge(stream, bytes.toString('utf8', topicStart, topicEnd));
    if (route?.to === 'aedes') return false;
    if (!route) return true;
    // What foreign senders want kept for others is taken like the rest, and not kept.
    if (retain && route.to !== 'foreign') {
      stream.refuse('retained', 'a device may not retain messages');
      return true;
    }
    stream.handOver(reserved);
    if (qos === 2 && this.isRepeated(stream, messageId)) stream.account!.release(reserved);
    else this.hold(stream, route, bytes.subarray(payloadStart), reserved);
    return true;
  }

  pubrel({ openPublishes }: ConnectionStream, messageId: number): boolean {
    if (!openPublishes?.end(messageId)) return false;
    this.answers.add(openPublishes.connection, answer.pubcomp, messageId);
    return true;
  }

  /** What becomes of a topic's publishes; undefined, and the connection ends, if it may not write there. */
  private judge(stream: ConnectionStream, topic: string): PublishRoute | undefined {
    // [MQTT-3.3.2-2]
    const isTopic = !/[+#]/.test(topic) && topic.split('/', maxTopicLevels + 1).length <= maxTopicLevels;
    const route = isTopic ? this.routeOf(stream, topic) : undefined;
    if (route) stream.routes.learn(topic, route);
    else stream.refuse(isTopic ? 'forbidden-topic' : 'protocol-error', `may not publish to ${topic.slice(0, 200)}`);
    return route;
  }

  /** Whether it is a publish that is open already; it is answered when the log has it. */
  private isRepeated({ openPublishes }: ConnectionStream, messageId: number): boolean {
    const state = openPublishes!.begin(messageId);
    if (state === 'stored') this.answers.add(openPublishes!.connection, answer.pubrec, messageId);
    return state !== 'new';
  }

  private hold(stream: ConnectionStream, route: HeldRoute, payload: Buffer, reserved: number): void {
    const { account } = stream;
    const { qos, messageId, dup } = this.packet;
    this.holding.add(stream);
    stream.held += 1;
    const packet = qos === 1 ? { packet: { connection: stream, id: messageId, dup } } : {};
    this.pass(route, { connection: stream, ...packet }, payload, (outcome) => {
      account!.release(reserved);
      this.unhold(stream);
      if (qos === 2) this.settleOpen(stream.openPublishes!, messageId, outcome);
      else if (qos === 1 && outcome === 'stored') this.answers.add(stream, answer.puback, messageId);
      if (outcome === 'stored' && !stream.hasSpoken) this.noteSpoken(stream, route);
      // What is returned is never acknowledged: its connection ends with the gateway.
      if (outcome === 'refused') stream.refuse('number-conflict', 'another pack has this number in this epoch');
    });
  }

  private noteSpoken(stream: ConnectionStream, route: HeldRoute): void {
    if (route.to !== 'log' || route.topic.kind !== 'data') return;
    stream.hasSpoken = true;
    this.options.onSpoken?.(route.topic, stream);
  }

  private settleOpen(open: OpenPublishes<ConnectionStream>, messageId: number, outcome: Outcome): void {
    if (outcome !== 'stored') return void open.end(messageId);
    open.stored(messageId);
    // The device may be on another connection by now.
    this.answers.add(open.connection, answer.pubrec, messageId);
  }

  private unhold(stream: ConnectionStream): void {
    stream.held -= 1;
    if (stream.held > 0) return;
    this.holding.delete(stream);
    if (this.holding.size === 0) for (const resolve of this.whenIdle) resolve();
  }

  private will(stream: ConnectionStream, packet: AedesPublish, callback: Callback): void {
    const { account } = stream;
    const route = this.routeOf(stream, packet.topic);
    if (!route || route.to === 'enrolment' || this.stopping) return callback(new Error('the will is not stored'));
    if (route.to === 'aedes') return callback(null);
    const payload = packet.payload as Buffer;
    // Nothing holds a device back from being lost again and again.
    if (!account!.reserve(payload.length)) {
      return callback(this.options.refusals.add('will-without-room', 'no room for a will', { sender: account!.key }));
    }
    this.pass(route, {}, payload, (outcome) => {
      account!.release(payload.length);
      if (outcome === 'stored') callback(null);
    });
  }

  private pass(
    route: HeldRoute,
    { connection, packet }: Pick<ForeignArrival, 'packet'> & Pick<DeviceMessage, 'connection'>,
    payload: Buffer,
    settled: (outcome: Outcome) => void,
  ): void {
    const { clock, intake, onSettled } = this.options;
    const sinceMs = clock.monotonicMs();
    const settle = (outcome: Outcome) => {
      if (outcome === 'stored') onSettled(clock.monotonicMs() - sinceMs);
      settled(outcome);
    };
    if (route.to === 'enrolment') return this.ask(route.device, connection as ConnectionStream, payload, settle);
    const arrival = { payload, receivedUs: clock.nowUs(), settle };
    if (route.to === 'log')
      return intake.receive({ topic: route.topic, ...(connection && { connection }), ...arrival });
    const { topic, source, sender } = route;
    intake.receive({ topic, source, sender, ...(packet && { packet }), ...arrival });
  }

  private ask(
    device: DeviceId,
    stream: ConnectionStream,
    payload: Uint8Array,
    settle: (outcome: Outcome) => void,
  ): void {
    const answered = this.options.enrol?.(device, stream, payload) ?? Promise.resolve();
    void answered.then(() => settle('stored'));
  }

  /** Undefined for a topic that this connection may not write to, or that nobody takes. */
  private routeOf({ rights, account }: ConnectionStream, topic: string): PublishRoute | undefined {
    if (!rights?.mayPublish(topic)) return undefined;
    const parsed = parseMqttTopic(topic);
    if (parsed && isUpTopic(parsed)) return { to: 'log', topic: parsed };
    if (parsed?.kind === 'enrol') return { to: 'enrolment', device: { site: parsed.site, device: parsed.device } };
    const source = this.options.router.route(topic);
    if (source === 'ours') return undefined;
    return source ? { to: 'foreign', topic, source, sender: account!.key } : { to: 'aedes' };
  }
}
