import type { Registry } from 'prom-client';
import type { DeviceState } from '#core/contract/device-events.js';
import { mqttTopic, parseMqttTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import type { DeviceCatalogue } from '../device-catalogue.js';
import type { AskingSession } from '../identity/ask.js';
import type { DeviceIdentity } from '../identity/device-identity.js';
import type { Outbox } from '../outbox/outbox.js';
import { CommandJournal } from './command-journal.js';
import { Commands } from './commands.js';
import { Connection } from './connection.js';
import { ClockExchange, type ClockExchangeOptions } from './clock-exchange.js';
import { encodeMessage, Link, type RemoteConfig, type RemoteRelease } from './link.js';
import { reachHost } from './liveness.js';
import { ReconnectDelays, type ReconnectSchedule } from './reconnect-delays.js';
import type { TimeKnowledge } from './verify-chain.js';

/** What may be another while the uplink runs. */
export interface UplinkRates {
  /** Packs on the wire at once, at most; half of it for a backlog. */
  readonly inFlight?: number;
  readonly heartbeatMs?: number;
  readonly backlogPacksPerSecond?: number;
  readonly keepaliveSeconds?: number;
}

export interface MqttUplinkOptions extends UplinkRates {
  readonly device: DeviceId;
  readonly url: string;
  /** Default `<site>/<device>`. */
  readonly username?: string;
  /** A function is asked before each connection. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** For `mqtts://`: the PEM of the authority to trust; default those of the system. */
  readonly ca?: string | Uint8Array;
  /** For `mqtts://`: what the device shows to be let in; asked before each connection. Default: the password alone. */
  readonly identity?: Pick<DeviceIdentity, 'show' | 'failed' | 'spoken' | 'renew'> | undefined;
  /** What certificates are judged by while the system's clock is certainly wrong; undefined while it is not. */
  readonly certificateTime?: () => TimeKnowledge | undefined;
  /** Started before the uplink, stopped after it. */
  readonly outbox: Outbox;
  readonly catalogue: Pick<DeviceCatalogue, 'versions' | 'onChange'>;
  /** What the birth says of this program. */
  readonly version: string;
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly registry?: Registry;
  /** Default: those of the outbox, forgotten with the process. */
  readonly commands?: Commands;
  /** Default: nothing is said of clocks. */
  readonly exchange?: Pick<ClockExchangeOptions, 'clock' | 'mayAsk'>;
  /** Default: nothing is configured from afar. */
  readonly desired?: RemoteConfig;
  /** Default: no releases are taken. */
  readonly upgrade?: RemoteRelease | undefined;
  /** How long the gateway may say nothing while PUBACKs are due, as long as it can be reached. */
  readonly maxSilenceMs?: number;
  readonly connectTimeoutMs?: number;
  readonly reconnect?: ReconnectSchedule;
}

export interface UplinkStatus {
  /** From the birth's PUBACK to the end of the connection. */
  readonly connected: boolean;
  /** Why not; undefined while connected, and before the first try ended. */
  readonly lastError: string | undefined;
  readonly inFlight: number;
  readonly lastAckUs: number | undefined;
  readonly connections: number;
  /** Births and packs that the gateway acknowledged. */
  readonly acknowledged: number;
}

const defaults = {
  inFlight: 16,
  heartbeatMs: 10_000,
  backlogPacksPerSecond: 500,
  keepaliveSeconds: 30,
  maxSilenceMs: 900_000,
  connectTimeoutMs: 10_000,
  reconnect: { firstMs: 500, maxMs: 30_000 },
} as const;

/** A connection that stood for so long was a good one: the next loss begins with short delays again. */
const goodAfterMs = 10_000;
/** Steps of waiting for the outbox to run dry when it stops. */
const dryStepMs = 10;
/** For the farewell of a connection that another takes the place of. */
const goodbyeMs = 2000;

/**
 * Carries packs from the outbox to the gateway over MQTT, QoS 1, for as long as it runs. On every connection the birth
 * goes first, then alerts, live packs and the backlog; a heartbeat tells the last number, so that a lost tail is visible.
 */
export class MqttUplink implements Part {
  readonly #commands: Commands;
  #options: MqttUplinkOptions & typeof defaults;
  #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** From the CONNACK on; `#connected` from the birth on. */
  #link: Link | undefined;
  #exchange: ClockExchange | undefined;
  #asking: AskingSession | undefined;
  #connected = false;
  #lastError: string | undefined;
  #lastAckUs: number | undefined;
  #connections = 0;
  #acknowledged = 0;
  #packs = 0;

  constructor(options: MqttUplinkOptions) {
    this.#commands = options.commands ?? new Commands({ ...options, journal: new CommandJournal() });
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...defaults, ...(given as unknown as MqttUplinkOptions & typeof defaults) };
    if (options.registry) this.#observe(options.registry);
  }

  /** Resolves at once: a gateway that is away, for hours even, holds nobody up. */
  start(): Promise<void> {
    if (this.#running) return Promise.resolve();
    this.#stopping = new AbortController();
    this.#running = this.#run(this.#stopping.signal);
    return Promise.resolve();
  }

  /** Sends what is pending for half of the time, says goodbye, and closes. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock, outbox } = this.#options;
    const endMs = clock.monotonicMs() + deadlineMs / 2;
    const hasMore = () => {
      const { pendingPacks, heldPacks = 0 } = outbox.status();
      return pendingPacks > heldPacks;
    };
    while (this.#connected && hasMore() && clock.monotonicMs() < endMs) {
      await clock.sleep(dryStepMs);
    }
    this.#stopping.abort();
    await this.#link?.goodbye(deadlineMs / 4);
    await this.#running;
    this.#running = undefined;
  }

  /** Other rates from now on, over a new connection: packs on their way are sent again. */
  async configure(rates: Required<UplinkRates>): Promise<void> {
    const before: UplinkRates = this.#options;
    const isSame = (Object.keys(rates) as (keyof UplinkRates)[]).every((name) => before[name] === rates[name]);
    this.#options = { ...this.#options, ...rates } as MqttUplinkOptions & typeof defaults;
    if (!isSame) await this.#link?.goodbye(goodbyeMs);
  }

  status(): UplinkStatus {
    return {
      connected: this.#connected,
      lastError: this.#lastError,
      inFlight: this.#link?.inFlight ?? 0,
      lastAckUs: this.#lastAckUs,
      connections: this.#connections,
      acknowledged: this.#acknowledged,
    };
  }

  async #run(stopping: AbortSignal): Promise<void> {
    const { clock, random, logger, reconnect, identity } = this.#options;
    const delays = new ReconnectDelays(reconnect, random);
    while (!stopping.aborted) {
      const [startMs, connections, acknowledged] = [clock.monotonicMs(), this.#connections, this.#packs];
      let isBusy = false;
      const ended = await this.#connectOnce(stopping).catch((error: unknown) => {
        isBusy = error instanceof RetryableError && error.code === 'busy';
        return messageOf(error);
      });
      if (stopping.aborted) return;
      const reason = (this.#packs === acknowledged && identity?.failed(ended)) || ended;
      // The same trouble again and again is one log line.
      if (reason !== this.#lastError) logger.warn({ reason }, 'uplink: not connected to the gateway; trying again');
      this.#lastError = reason;
      // A try that took long to fail was no connection.
      const wasGood = this.#connections > connections && clock.monotonicMs() - startMs > goodAfterMs;
      if (wasGood) delays.reset();
      await clock.sleep(delays.next(isBusy), stopping);
    }
  }

  /** Resolves with the reason when the connection has ended. */
  async #connectOnce(stopping: AbortSignal): Promise<string> {
    const session = this.#newSession();
    const connection = await this.#open(session, stopping);
    const ended = new AbortController();
    try {
      if (stopping.aborted) return 'stopped';
      this.#link = this.#openLink(connection, session);
      const exchange = (this.#exchange = this.#openExchange(connection, session));
      const asking = (this.#asking = askingOn(connection));
      return await this.#link.run(() => {
        this.#noteConnected();
        void exchange?.run(ended.signal);
        void this.#renew(asking, ended.signal);
      });
    } finally {
      ended.abort();
      this.#link = this.#exchange = this.#asking = undefined;
      this.#connected = false;
      connection.cut();
    }
  }

  async #open(session: string, signal: AbortSignal): Promise<Connection> {
    const { device, username = deviceKey(device), password, clock, ...options } = this.#options;
    return Connection.open({
      url: options.url,
      username,
      password: typeof password === 'function' ? await password() : password,
      ca: options.ca,
      ...(await options.identity?.show(signal)),
      time: options.certificateTime?.(),
      clientId: deviceKey(device),
      keepaliveSeconds: options.keepaliveSeconds,
      connectTimeoutMs: options.connectTimeoutMs,
      will: { topic: mqttTopic(device, 'state'), payload: encodeMessage({ type: 'offline', session }) },
      onMessage: (topic, payload) => {
        const { kind, id } = parseMqttTopic(topic) ?? {};
        if (kind === 'enrolled') this.#asking?.onAnswer?.(payload);
        else if (!this.#exchange?.take(id, payload)) void this.#link?.receive(topic, payload);
      },
      nowMs: () => clock.monotonicMs(),
      signal,
    });
  }

  #openExchange(connection: Connection, session: string): ClockExchange | undefined {
    const { exchange, device, logger } = this.#options;
    const topic = mqttTopic(device, 'state');
    const send = (state: DeviceState) => connection.publish(topic, encodeMessage(state));
    return exchange && new ClockExchange({ ...exchange, session, send, logger });
  }

  #openLink(connection: Connection, session: string): Link {
    const { clock, keepaliveSeconds, maxSilenceMs, connectTimeoutMs, url } = this.#options;
    const reach = () => reachHost(url, connectTimeoutMs);
    const packsBefore = this.#packs;
    return new Link({
      ...this.#options,
      connection,
      session,
      commands: this.#commands,
      desired: this.#options.desired,
      upgrade: this.#options.upgrade,
      liveness: { clock, keepaliveSeconds, maxSilenceMs, reach },
      onAcknowledged: (packs) => {
        this.#lastAckUs = clock.nowUs();
        this.#acknowledged += packs;
        // The first of a connection.
        if (this.#packs === packsBefore) void this.#options.identity?.spoken();
        this.#packs += packs;
      },
    });
  }

  /** A certificate that is new is shown on a new connection. */
  async #renew(session: AskingSession, ended: AbortSignal): Promise<void> {
    const isNew = await this.#options.identity?.renew(session, ended);
    if (isNew) await this.#link?.goodbye(goodbyeMs);
  }

  #noteConnected(): void {
    this.#connected = true;
    this.#connections += 1;
    this.#acknowledged += 1;
    this.#lastError = undefined;
    this.#options.logger.info({ connections: this.#connections }, 'uplink: connected');
  }

  #newSession(): string {
    return Array.from({ length: 16 }, () => Math.floor(this.#options.random() * 16).toString(16)).join('');
  }

  #observe(registry: Registry): void {
    const name = 'fieldline_edge_uplink';
    observe(registry, `${name}_connected`, '1 while the gateway is connected', () => Number(this.#connected));
    observe(registry, `${name}_in_flight`, 'Packs sent and not acknowledged', () => this.#link?.inFlight ?? 0);
    observe(registry, `${name}_connections`, 'Connections since the start', () => this.#connections);
  }
}

function askingOn(connection: Connection): AskingSession {
  return {
    subscribe: (filter) => connection.subscribe(filter),
    publish: (topic, payload) => connection.publish(topic, payload),
    onAnswer: undefined,
  };
}
