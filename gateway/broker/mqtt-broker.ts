import { once, type EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import type { Client } from 'aedes';
import type { Histogram, Registry } from 'prom-client';
import { mqttTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey, isName, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { RejectedError, RetryableError, systemCode } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import type { AuditSink } from '../audit/audit.js';
import { LoginAudit } from '../audit/login-audit.js';
import type { Enrolments } from '../enrolment/enrolments.js';
import { askOn, endEnrolment } from '../enrolment/ask-on-connection.js';
import { enrolling } from '../enrolment/rights.js';
import type { Contacts } from '../contact/contacts.js';
import type { CertificateOwner } from '../identity/certificate-owner.js';
import type { Identity } from '../identity/identity.js';
import type { MessageSink } from '../intake/message.js';
import type { TopicRouter } from '../intake/topic-router.js';
import { holdLimits, type BrokerLimits } from '../limits/broker-limits.js';
import { ConnectAdmission } from '../limits/connect-admission.js';
import { openBudget } from '../limits/open-budget.js';
import { UnsentWatch } from '../limits/unsent-watch.js';
import { authorizeForward } from '../routing/forwarding.js';
import { storeOpener } from '../routing/open-store.js';
import { RoutingAedes } from '../routing/routing-aedes.js';
import type { SessionLimits, SessionStore } from '../routing/session-store.js';
import { ackHistogram } from './ack-histogram.js';
import { ConnectGate } from './connect-gate.js';
import { ConnectionStream } from './connection-stream.js';
import { checkExposure } from './exposure.js';
import { deviceOf, principalKey } from './principal.js';
import type { DeviceBroker } from './device-broker.js';
import { FailureLimiter } from './failure-limiter.js';
import type { HoldBudget } from './hold-budget.js';
import { addressOf, listen, type ListenerOptions, type TlsListening } from './listener.js';
import { PublishGate } from './publish-gate.js';
import { Refusals, type RefusalReason } from './refusals.js';

export interface MqttBrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsListening | undefined;
  /** Allows what others could listen to or speak into: a port beyond this machine without TLS or without tokens. */
  readonly insecure: boolean;
  /** Who may speak, and what of; its book is told of what stands in the log before `start`. */
  readonly identity: Identity;
  readonly audit: AuditSink;
  readonly limits: BrokerLimits;
  /** What is kept for readers that are away. */
  readonly routing: SessionLimits;
  readonly intake: MessageSink;
  /** Which topics are for foreign sources. */
  readonly router: TopicRouter;
  /** A device has begun to read its commands. */
  readonly onReading?: (device: DeviceId) => void;
  /** Gives certificates to devices that ask. */
  readonly enrolments?: Pick<Enrolments, 'answer' | 'spoken'> | undefined;
  /** Why a device may not speak although it showed who it is. */
  readonly refuses?: (device: DeviceId) => RefusalReason | undefined;
  readonly contacts?: Pick<Contacts, 'refused' | 'watch'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Room for the topic and the message id of a PUBLISH beside its payload; one that is cut here is too large for certain. */
const publishHeadBytes = 1024;
const maxControlBytes = 64 * 1024;
const sweepMs = 500;
/** What aedes calls the quality of service of a subscription that was refused. */
const refusedQos = 128;
/** aedes holds clients of MQTT 3.1 to 23 characters; ours have the user name in front. */
const longestClientId = 1024;
const failureLimits = { burst: 10, forgiveMs: 6000, delayMs: 3000, maxAddresses: 10_000 };

/**
 * The MQTT 3.1.1 door for devices. A publish is acknowledged after `intake` settled it, in the order of its arrival;
 * devices read nothing but their own config and commands. Its memory is bounded by {@link BrokerLimits}.
 */
export class MqttBroker implements DeviceBroker {
  private readonly budget: HoldBudget;
  private readonly refusals: Refusals;
  private readonly admission: ConnectAdmission;
  private readonly unsent: UnsentWatch;
  private readonly openStore: () => SessionStore;
  private readonly publishes: PublishGate;
  private readonly connects: ConnectGate;
  private readonly logins: LoginAudit;
  private certificateExpiresMs = NaN;
  private readonly streams = new Set<ConnectionStream>();
  private readonly ackSeconds: Histogram;
  private stopping = new AbortController();
  private server: Server | undefined;
  private aedes: RoutingAedes | undefined;

  constructor(private readonly options: MqttBrokerOptions) {
    const { limits, registry, logger, clock, intake, identity, audit } = options;
    this.refusals = new Refusals(registry, logger, clock, options.contacts?.refused);
    this.budget = openBudget({ limits: holdLimits(limits), clock, logger, registry });
    this.admission = new ConnectAdmission({
      perSecond: limits.connectsPerSecond,
      maxWaiting: limits.maxWaitingConnects,
      refusals: this.refusals,
      clock,
      registry,
    });
    this.unsent = new UnsentWatch({ maxBytes: limits.maxUnsentBytes, maxTotalBytes: limits.maxHeldBytes });
    this.openStore = storeOpener({ limits: this.options.routing, clock, logger, registry });
    this.ackSeconds = ackHistogram(registry);
    const shared = { refusals: this.refusals, clock };
    this.publishes = new PublishGate({
      ...shared,
      intake,
      router: options.router,
      onSettled: (heldMs) => this.ackSeconds.observe(heldMs / 1000),
      enrol: options.enrolments && askOn(options.enrolments),
      onSpoken: (device, stream) => void options.enrolments?.spoken(device, stream.proof!),
    });
    this.logins = new LoginAudit({ audit, monotonicMs: () => clock.monotonicMs() });
    this.connects = new ConnectGate({
      ...shared,
      identity,
      audit: this.logins,
      budget: this.budget,
      failures: new FailureLimiter(failureLimits, () => clock.monotonicMs()),
      maxDeviceConnections: limits.maxDeviceConnections,
      ...(options.refuses && { refuses: options.refuses }),
    });
    identity.book.onChange((owner) => this.recheck(owner));
    const expires = 'fieldline_gateway_certificate_expires_seconds';
    observe(registry, expires, 'When the TLS certificate ends, Unix time', () => this.certificateExpiresMs / 1000);
    observe(registry, 'fieldline_gateway_connections', 'Open MQTT connections', () => this.streams.size);
  }

  /** Throws FatalError `port-in-use` or `bad-config`. */
  async start(): Promise<void> {
    if (this.server) return;
    const { host, port, tls, insecure, identity, logger } = this.options;
    const { mode: auth, anonymous } = identity;
    checkExposure({ host, port, hasTls: tls !== undefined, auth, anonymous, insecure }, logger);
    this.aedes = await this.openAedes();
    try {
      this.server = await listen(this.listening());
    } catch (error) {
      await this.closeAedes();
      throw error;
    }
    this.stopping = new AbortController();
    this.publishes.start();
    void this.sweep(this.stopping.signal);
    logger.info({ ...this.address(), tls: tls !== undefined, auth }, 'MQTT is open');
  }

  private listening(): ListenerOptions {
    const { limits, logger } = this.options;
    return {
      ...this.options,
      maxConnections: limits.maxConnections,
      handshakeTimeoutMs: limits.connectTimeoutMs,
      onConnection: (socket, ...shown) => this.accept(socket, ...shown),
      onTurnedAway: (reason, address, detail) => {
        this.refusals.add(reason, detail, { address });
        if (reason === 'certificate') this.logins.refused(undefined, address ?? 'unknown', detail);
      },
      onError: (error) => logger.error({ err: error }, 'a connection could not be accepted'),
      onCertificate: (expiresMs) => (this.certificateExpiresMs = expiresMs),
    };
  }

  /** Takes no more connections or packets, gives those held until the deadline to be acknowledged, and closes. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.server) return;
    const { server } = this;
    this.server = undefined;
    this.publishes.stop();
    const closed = once(server, 'close');
    server.close();
    for (const stream of this.streams) stream.close();
    await this.publishes.idle(deadlineMs);
    this.stopping.abort();
    await this.closeAedes();
    for (const stream of this.streams) stream.destroy();
    await closed;
  }

  address(): { host: string; port: number } {
    if (!this.server) throw new RetryableError('stopped', 'the MQTT broker does not listen');
    return addressOf(this.server);
  }

  notReady(): readonly string[] {
    return this.server ? [] : ['MQTT is not open.'];
  }

  status() {
    const { budget } = this;
    return {
      connections: this.streams.size,
      heldMessages: budget.messages,
      heldBytes: budget.bytes,
      blockedConnections: budget.waiters,
      refused: this.refusals.snapshot(),
    };
  }

  /**
   * Sends a command to a device that is connected; what it did comes back on `result/<id>`.
   * Throws RetryableError `unavailable` if it is not connected, RejectedError `refused` for an id that is no name.
   */
  async publishCommand(device: DeviceId, id: string, payload: Uint8Array): Promise<void> {
    if (!isName(id)) throw new RejectedError('refused', `not a command id: ${String(id).slice(0, 80)}`);
    if (!this.aedes || !this.budget.find(deviceKey(device))?.connections.size) {
      throw new RetryableError('unavailable', `${deviceKey(device)} is not connected`);
    }
    await this.publish(mqttTopic(device, 'command', id), payload, false);
  }

  /** Says the desired config to the device, now and whenever it connects; an empty payload takes it back. */
  async publishConfig(device: DeviceId, payload: Uint8Array): Promise<void> {
    await this.publish(mqttTopic(device, 'config'), payload, true);
  }

  /** Says something to foreign clients that read this topic; not kept for those that come later. */
  async publishReply(topic: string, payload: Uint8Array): Promise<void> {
    await this.publish(topic, payload, false);
  }

  /** The same, kept for those that come later; an empty payload takes it back. */
  async publishRetained(topic: string, payload: Uint8Array): Promise<void> {
    await this.publish(topic, payload, true);
  }

  private async publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    const { aedes } = this;
    if (!aedes) throw new RetryableError('stopped', 'the MQTT broker is closed');
    const packet = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false } as const;
    await new Promise<void>((resolve, reject) => aedes.publish(packet, (error) => (error ? reject(error) : resolve())));
  }

  private async openAedes(): Promise<RoutingAedes> {
    const aedes = new RoutingAedes({
      isRouted: (topic) => this.options.router.route(topic) === undefined,
      persistence: this.openStore(),
      // The sweep comes first, and counts it.
      connectTimeout: this.options.limits.connectTimeoutMs + 10 * sweepMs,
      maxClientsIdLength: longestClientId,
      preConnect: this.admission.before(this.connects.preConnect),
      authenticate: this.connects.authenticate,
      authorizeSubscribe: this.connects.authorizeSubscribe,
      authorizePublish: this.publishes.authorize,
      authorizeForward,
    });
    aedes.on('clientReady', (client) => {
      this.publishes.opened(streamOf(client), client);
      streamOf(client).open();
    });
    aedes.on('subscribe', (subscriptions, client) => this.noteReading(subscriptions, client));
    aedes.on('keepaliveTimeout', (client) => streamOf(client).refuse('keepalive', 'nothing came for 1.5 × keepalive'));
    aedes.on('clientError', (client, error) => this.noteError(client, error));
    aedes.on('connectionError', (client, error) => this.noteError(client, error));
    (aedes as EventEmitter).on('error', (error: Error) =>
      this.options.logger.error({ err: error }, 'the MQTT broker failed at a task'),
    );
    await aedes.listen();
    return aedes;
  }

  private async closeAedes(): Promise<void> {
    const { aedes } = this;
    this.aedes = undefined;
    if (aedes) await new Promise<void>((resolve) => aedes.close(resolve));
  }

  private accept(socket: Socket, certificate?: CertificateOwner, mayOnlyEnrol = false): void {
    if (!this.aedes || !this.server) return void socket.destroy();
    const { limits, clock } = this.options;
    const stream = new ConnectionStream(socket, {
      limits: { maxPublishBytes: limits.maxPayloadBytes + publishHeadBytes, maxControlBytes },
      maxUnsentBytes: limits.maxUnsentBytes,
      budget: this.budget,
      publishes: this.publishes,
      refusals: this.refusals,
      clock,
    });
    stream.certificate = certificate;
    stream.mayOnlyEnrol = mayOnlyEnrol;
    this.streams.add(stream);
    this.options.contacts?.watch(stream);
    stream.once('close', () => this.streams.delete(stream));
    stream.client = this.aedes.handle(stream);
  }

  /** Closes what a device has open here. */
  disconnect(device: DeviceId, reason: RefusalReason, detail: string): void {
    const enrolments = this.budget.find(principalKey(enrolling({ kind: 'device', device })))?.connections ?? [];
    for (const stream of [...this.connectionsOf(device), ...enrolments]) stream.refuse(reason, detail);
  }

  connectionsOf(device: DeviceId): Iterable<Pick<ConnectionStream, 'refuse' | 'session'>> {
    return this.budget.find(deviceKey(device))?.connections ?? [];
  }

  private noteReading(subscriptions: readonly { topic: string; qos: number }[], client: Client): void {
    const device = deviceOf(streamOf(client).account!.principal);
    const own = device && mqttTopic(device, 'command');
    if (own && subscriptions.some(({ topic, qos }) => qos !== refusedQos && topic.startsWith(own))) {
      this.options.onReading?.(device);
    }
  }

  /** Cuts the connections that may not go on, now that other credentials are known. */
  private recheck(owner: string): void {
    const { book } = this.options.identity;
    for (const connection of [...(this.budget.find(owner)?.connections ?? [])]) {
      if (!book.allowsOn(owner, connection.proof!)) connection.refuse('revoked', 'what was shown is revoked');
    }
  }

  /** What aedes closed a connection for; a lost network is no refusal. */
  private noteError(client: Client, error: Error): void {
    const stream = streamOf(client);
    if (stream.refusal !== undefined || client.closed || systemCode(error) !== undefined) return;
    stream.refusal = 'protocol-error';
    this.refusals.add('protocol-error', error.message, { address: stream.address, client: client.id });
  }

  /** Twice a second, which is often enough for the shortest keepalive of MQTT: one second. */
  private async sweep(stopping: AbortSignal): Promise<void> {
    const { clock, limits } = this.options;
    while (!stopping.aborted) {
      await clock.sleep(sweepMs, stopping);
      const nowMs = clock.monotonicMs();
      this.publishes.refresh();
      this.unsent.sweep(this.streams, nowMs);
      for (const stream of this.streams) {
        stream.sweep(nowMs);
        endEnrolment(stream, nowMs);
        if (!stream.isOpen && nowMs - this.admission.sinceMs(stream) > limits.connectTimeoutMs) {
          stream.refuse('connect-timeout', 'no CONNECT in time');
        }
      }
    }
  }
}

function streamOf(client: Client): ConnectionStream {
  return client.conn as ConnectionStream;
}
