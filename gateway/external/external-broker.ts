import { Histogram, type Registry } from 'prom-client';
import type { IPublishPacket } from 'mqtt-packet';
import { isUpTopic, mqttTopic, parseMqttTopic } from '#core/contract/mqtt-topics.js';
import { isName, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import { retryDelays } from '#core/runtime/retry.js';
import type { DeviceBroker, DeviceBrokerStatus } from '../broker/device-broker.js';
import { isLoopback } from '../broker/listener.js';
import { Refusals } from '../broker/refusals.js';
import type { DeviceMessage, ForeignArrival, MessageSink, Outcome } from '../intake/message.js';
import type { TopicRouter } from '../intake/topic-router.js';
import { BrokerLink } from './broker-link.js';
import type { ExternalConfig } from './external-config.js';
import { LinkState } from './link-state.js';
import { brokerAddress, openSocket, readSetting } from './open-socket.js';
import { ReceiveWindow } from './receive-window.js';
import { RetainedConfigs } from './retained-configs.js';
import { subscribe } from './subscribe.js';

export interface ExternalBrokerOptions {
  readonly config: ExternalConfig;
  /** Which gateway of several this is: the host, and the process of it, from 1. */
  readonly place: { readonly host: string; readonly process?: number | undefined };
  readonly maxPayloadBytes: number;
  readonly maxHeldBytes: number;
  readonly intake: MessageSink;
  /** Tells whose a topic is. */
  readonly router: Pick<TopicRouter, 'route' | 'sources'>;
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly registry: Registry;
}

const connectTimeoutMs = 10_000;
const reconnect = { firstMs: 500, maxMs: 30_000, jitter: 0.5 } as const;
/** A connection that stood for so long was a good one: the next loss begins with short delays again. */
const goodAfterMs = 10_000;
/** Room for topic and properties of a PUBLISH beside its payload; one that is cut here is too large for certain. */
const publishHeadBytes = 64 * 1024;
const maxControlBytes = 1024 * 1024;

/**
 * Hears devices by way of a broker elsewhere, as one of its clients. A message is acknowledged to that broker once the log
 * has it; the session outlives the connection, so the broker keeps what was not acknowledged. Which device speaks is what
 * the topic says: the broker must see to it that none writes on the topics of another.
 */
export class ExternalBroker implements DeviceBroker {
  private readonly window: ReceiveWindow;
  private readonly refusals: Refusals;
  private readonly heldSeconds: Histogram;
  private readonly configs: RetainedConfigs;
  private readonly state = new LinkState();
  private stopping = new AbortController();
  private running: Promise<void> | undefined;
  /** From the SUBACK on. */
  private link: BrokerLink | undefined;
  private trouble = 'not yet connected';

  constructor(private readonly options: ExternalBrokerOptions) {
    const { config, maxHeldBytes, registry, logger, clock } = options;
    this.window = new ReceiveWindow({ maxMessages: config.receiveWindow, maxBytes: maxHeldBytes });
    this.refusals = new Refusals(registry, logger, clock);
    this.configs = new RetainedConfigs(logger);
    this.heldSeconds = heldHistogram(registry);
    const name = 'fieldline_gateway';
    observe(registry, `${name}_connections`, '1 while the broker is connected', () => Number(!!this.link));
    observe(registry, `${name}_held_messages`, 'Publishes not yet settled', () => this.window.messages);
    observe(registry, `${name}_held_bytes`, 'Bytes of publishes not yet settled', () => this.window.bytes);
  }

  /** Resolves at once. Throws FatalError `bad-config` for files that cannot be read. */
  async start(): Promise<void> {
    if (this.running) return;
    const { url, passwordFile, tls } = this.options.config;
    const { host, isTls } = brokerAddress(url);
    for (const path of [passwordFile, ...Object.values(tls)]) if (path !== undefined) await readSetting(path);
    if (!isTls && !isLoopback(host)) {
      this.options.logger.warn({ url }, 'the broker is spoken to without TLS: others can read and change what is sent');
    }
    this.stopping = new AbortController();
    this.running = this.run(this.stopping.signal);
  }

  async stop(deadlineMs: number): Promise<void> {
    if (!this.running) return;
    const { link } = this;
    link?.pause();
    await this.window.idle(deadlineMs, this.options.clock);
    this.stopping.abort();
    this.configs.use(undefined);
    await link?.end();
    await this.running;
    this.running = undefined;
  }

  address(): { host: string; port: number } {
    const { host, port } = brokerAddress(this.options.config.url);
    return { host, port };
  }

  status(): DeviceBrokerStatus {
    return {
      connections: this.link ? 1 : 0,
      heldMessages: this.window.messages,
      heldBytes: this.window.bytes,
      blockedConnections: this.link?.isBlocked ? 1 : 0,
      refused: this.refusals.snapshot(),
    };
  }

  notReady(): readonly string[] {
    return this.link ? [] : [`The broker is not connected: ${this.trouble}.`];
  }

  async publishCommand(device: DeviceId, id: string, payload: Uint8Array): Promise<void> {
    if (!isName(id)) throw new RejectedError('refused', `not a command id: ${String(id).slice(0, 80)}`);
    if (!this.link) throw new RetryableError('unavailable', `the broker is not connected: ${this.trouble}`);
    await this.link.publish(mqttTopic(device, 'command', id), payload, false);
  }

  connectionsOf(): readonly [] {
    return [];
  }

  /** Only the broker could. */
  disconnect(): void {
    return undefined;
  }

  async publishReply(topic: string, payload: Uint8Array): Promise<void> {
    if (!this.link) throw new RetryableError('unavailable', `the broker is not connected: ${this.trouble}`);
    await this.link.publish(topic, payload, false);
  }

  publishConfig(device: DeviceId, payload: Uint8Array): Promise<void> {
    return this.publishRetained(mqttTopic(device, 'config'), payload);
  }

  publishRetained(topic: string, payload: Uint8Array): Promise<void> {
    this.configs.put(topic, payload);
    return Promise.resolve();
  }

  private async run(stopping: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.options;
    let delays = retryDelays(reconnect, random);
    while (!stopping.aborted) {
      const startMs = clock.monotonicMs();
      const reason = await this.connectOnce(stopping).catch(messageOf);
      if (stopping.aborted) return;
      // The same trouble again and again is one log line.
      if (reason !== this.trouble) logger.error({ reason }, 'the broker is not connected: trying again');
      this.trouble = reason;
      if (clock.monotonicMs() - startMs > goodAfterMs) delays = retryDelays(reconnect, random);
      await clock.sleep(delays.next().value, stopping);
    }
  }

  /** Resolves with the reason when the connection has ended. */
  private async connectOnce(stopping: AbortSignal): Promise<string> {
    const ended = new AbortController();
    const link = await this.openLink(stopping, ended.signal);
    try {
      const { sessionPresent } = await link.greet();
      if (!sessionPresent) this.state.forget();
      const foreign = this.options.router.sources.flatMap(({ topics }) => topics);
      await subscribe(link, this.options.config, this.options.logger, foreign);
      if (stopping.aborted) return 'stopped';
      this.link = link;
      this.trouble = '';
      this.options.logger.info({ url: this.options.config.url, sessionPresent }, 'the broker is connected');
      this.configs.use(link);
      return await link.closed;
    } finally {
      ended.abort();
      this.link = undefined;
      this.configs.use(undefined);
      link.cut('given up');
    }
  }

  private async openLink(stopping: AbortSignal, ended: AbortSignal): Promise<BrokerLink> {
    const { config, place, clock } = this.options;
    const { clientId = `fieldline-${place.host}` } = config;
    const password = config.passwordFile === undefined ? undefined : trimmed(await readSetting(config.passwordFile));
    const socket = await openSocket(config, connectTimeoutMs, stopping);
    const link = new BrokerLink(socket, {
      ...config,
      password,
      username: config.username,
      clientId: (place.process ?? 1) > 1 ? `${clientId}-${place.process}` : clientId,
      protocol: config.protocol === '5' ? 5 : 4,
      receiveMaximum: config.receiveWindow,
      limits: { maxPublishBytes: this.options.maxPayloadBytes + publishHeadBytes, maxControlBytes },
      window: this.window,
      state: this.state,
      clock,
      onPublish: (packet, done) => this.receive(packet, done),
    });
    void this.watch(link, ended);
    return link;
  }

  /** A broker that does not answer is given up. */
  private async watch(link: BrokerLink, ended: AbortSignal): Promise<void> {
    const { clock, config } = this.options;
    const startMs = clock.monotonicMs();
    while (!ended.aborted) {
      await clock.sleep(Math.min(1000, config.keepaliveMs / 4), ended);
      const nowMs = clock.monotonicMs();
      link.sweep(nowMs);
      if (this.link !== link && nowMs - startMs > connectTimeoutMs) link.cut('no answer to CONNECT or SUBSCRIBE');
    }
  }

  private receive(packet: IPublishPacket, done: (isStored: boolean) => void): void {
    const { clock, intake } = this.options;
    const addressed = this.route(packet);
    if (!addressed) {
      this.refusals.add('forbidden-topic', `nobody here takes ${packet.topic.slice(0, 200)}`, {});
      return done(true);
    }
    const sinceMs = clock.monotonicMs();
    const settle = (outcome: Outcome): void => {
      if (outcome === 'stored') this.heldSeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
      done(outcome === 'stored');
    };
    intake.receive({ ...addressed, payload: packet.payload as Buffer, receivedUs: clock.nowUs(), settle });
  }

  private route({ topic, retain, messageId: id, dup }: IPublishPacket): Addressed | undefined {
    const route = this.options.router.route(topic);
    if (route === undefined) return undefined;
    if (route !== 'ours') {
      // One lane for all of a source: which messages belong together only its decoder knows.
      const from = { source: route, topic, sender: 'external', retained: retain };
      return id === undefined ? from : { ...from, packet: { connection: this.state.session, id, dup } };
    }
    const own = parseMqttTopic(topic);
    return own && isUpTopic(own) ? { topic: own } : undefined;
  }
}

/** A message without what it says. */
type Addressed = Omit<DeviceMessage, keyof Arrival> | Omit<ForeignArrival, keyof Arrival>;
type Arrival = Pick<DeviceMessage, 'payload' | 'receivedUs' | 'settle'>;

function trimmed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('utf8').trim());
}

function heldHistogram(registry: Registry): Histogram {
  return new Histogram({
    name: 'fieldline_gateway_held_seconds',
    help: 'From the arrival of a publish until it was settled',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
    registers: [registry],
  });
}
