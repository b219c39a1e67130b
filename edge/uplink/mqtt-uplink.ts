import { observe } from '#core/runtime/metrics.js';
import type { Registry } from 'prom-client';
import type { Birth, DeviceState, Heartbeat } from '#core/contract/device-events.js';
import { mqttTopic, parseMqttTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { retryDelays } from '#core/runtime/retry.js';
import type { DeviceCatalogue } from '../device-catalogue.js';
import type { Outbox } from '../outbox/outbox.js';
import { obey } from './commands.js';
import { Connection } from './connection.js';
import { Pump } from './pump.js';

export interface MqttUplinkOptions {
  readonly device: DeviceId;
  readonly url: string;
  /** Default `<site>/<device>`. */
  readonly username?: string;
  readonly password?: string | undefined;
  /** Started before the uplink, stopped after it. */
  readonly outbox: Outbox;
  readonly catalogue: Pick<DeviceCatalogue, 'versions' | 'onChange'>;
  /** What the birth says of this program. */
  readonly version: string;
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly inFlight?: number;
  readonly heartbeatMs?: number;
  readonly backlogPacksPerSecond?: number;
  readonly keepaliveSeconds?: number;
  readonly connectTimeoutMs?: number;
  readonly reconnect?: { readonly firstMs: number; readonly maxMs: number };
}

export interface UplinkStatus {
  readonly connected: boolean;
  /** Why not; undefined while connected, and before the first try ended. */
  readonly lastError: string | undefined;
  readonly inFlight: number;
  readonly lastAckUs: number | undefined;
  readonly connections: number;
}

/** What lives from one CONNACK to the end of that connection. */
interface Link {
  readonly connection: Connection;
  readonly pump: Pump;
}

/** A connection that stood for so long was a good one: the next loss begins with short delays again. */
const goodAfterMs = 10_000;

/**
 * Carries packs from the outbox to the gateway over MQTT, QoS 1, for as long as it runs. On every connection the birth
 * goes first, then alerts, live packs and the backlog; a heartbeat tells the last number, so that a lost tail is visible.
 */
export class MqttUplink implements Part {
  private readonly session: string;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private link: Link | undefined;
  private lastError: string | undefined;
  private lastAckUs: number | undefined;
  private connections = 0;

  constructor(private readonly options: MqttUplinkOptions) {
    const { random, registry } = options;
    this.session = Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join('');
    observe(registry, 'fieldline_edge_uplink_connected', '1 while the gateway is connected', () =>
      Number(this.link !== undefined),
    );
    observe(
      registry,
      'fieldline_edge_uplink_in_flight',
      'Packs sent and not acknowledged',
      () => this.link?.pump.inFlight ?? 0,
    );
    observe(registry, 'fieldline_edge_uplink_connections', 'Connections since the start', () => this.connections);
  }

  /** Resolves at once: a gateway that is away, for hours even, holds nobody up. */
  start(): Promise<void> {
    this.running ??= this.run();
    return Promise.resolve();
  }

  /** Sends what is pending for a part of the time, says goodbye, and closes. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock, outbox } = this.options;
    const endMs = clock.monotonicMs() + deadlineMs * 0.7;
    while (this.link && outbox.status().pendingPacks > 0 && clock.monotonicMs() < endMs) await clock.sleep(10);
    const link = this.link;
    if (link) {
      const goodbye = this.publishState(link.connection, { type: 'offline', session: this.session });
      await Promise.race([goodbye.catch(() => undefined), clock.sleep(deadlineMs * 0.15)]);
      this.stopping.abort();
      await Promise.race([link.connection.end(), clock.sleep(deadlineMs * 0.15)]);
      link.connection.cut();
    }
    this.stopping.abort();
    await this.running;
  }

  status(): UplinkStatus {
    const { lastError, lastAckUs, connections, link } = this;
    return { connected: link !== undefined, lastError, inFlight: link?.pump.inFlight ?? 0, lastAckUs, connections };
  }

  private async run(): Promise<void> {
    const { clock, random, logger, reconnect = { firstMs: 500, maxMs: 30_000 } } = this.options;
    const { signal } = this.stopping;
    let delays = retryDelays({ ...reconnect, jitter: 0.5 }, random);
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const reason = await this.connectOnce().catch(messageOf);
      if (signal.aborted) return;
      // The same trouble again and again is one log line.
      if (reason !== this.lastError)
        logger.warn({ device: deviceKey(this.options.device), reason }, 'not connected to the gateway; trying again');
      this.lastError = reason;
      if (clock.monotonicMs() - startMs > goodAfterMs) delays = retryDelays({ ...reconnect, jitter: 0.5 }, random);
      await clock.sleep(delays.next().value, signal);
    }
  }

  /** Resolves with the reason when the connection has ended. */
  private async connectOnce(): Promise<string> {
    const { device, url, username, password, keepaliveSeconds = 30, connectTimeoutMs = 10_000, logger } = this.options;
    const connection = await Connection.open({
      url,
      username: username ?? deviceKey(device),
      password,
      clientId: deviceKey(device),
      keepaliveSeconds,
      connectTimeoutMs,
      will: { topic: mqttTopic(device, 'state'), payload: encode({ type: 'offline', session: this.session }) },
      onMessage: (topic, payload) => void this.command(topic, payload),
    });
    const ended = new AbortController();
    void connection.closed.then(() => ended.abort());
    if (this.stopping.signal.aborted) connection.cut();
    try {
      await this.serve(connection, ended.signal);
      return await connection.closed;
    } catch (error) {
      logger.warn({ device: deviceKey(device), error: messageOf(error) }, 'the connection is given up');
      connection.cut();
      throw error;
    } finally {
      this.link?.pump.end();
      this.link = undefined;
    }
  }

  private async serve(connection: Connection, ended: AbortSignal): Promise<void> {
    const { catalogue, device, outbox } = this.options;
    await connection.subscribe(mqttTopic(device, 'command', '+'));
    await this.announce(connection);
    // Everything pending may have been lost with the last connection; what comes from now on is live.
    outbox.rewind();
    const failed = new AbortController();
    const pump = this.openPump(connection, (error) => {
      failed.abort(error);
      connection.cut();
    });
    this.link = { connection, pump };
    this.connections += 1;
    this.lastError = undefined;
    const offAppend = outbox.onAppend(() => pump.kick());
    const offChange = catalogue.onChange(() => void this.announce(connection).catch(() => undefined));
    pump.kick();
    try {
      await this.beat(connection, ended);
      if (failed.signal.aborted) throw failed.signal.reason;
    } finally {
      offAppend();
      offChange();
    }
  }

  private openPump(connection: Connection, onError: (error: unknown) => void): Pump {
    const { clock, device, outbox, inFlight = 16, backlogPacksPerSecond = 500 } = this.options;
    return new Pump({
      outbox,
      inFlight,
      backlogPacksPerSecond,
      clock,
      publish: (topic, payload) => connection.publish(mqttTopic(device, topic), payload),
      onAcknowledged: () => (this.lastAckUs = clock.nowUs()),
      onError,
    });
  }

  /** A heartbeat at every interval until the connection ends. */
  private async beat(connection: Connection, ended: AbortSignal): Promise<void> {
    const { clock, heartbeatMs = 10_000, outbox } = this.options;
    while (!ended.aborted) {
      await clock.sleep(heartbeatMs, ended);
      if (ended.aborted) return;
      const { bytes, pendingPacks } = outbox.status();
      const heartbeat: Heartbeat = { type: 'heartbeat', ...this.outboxState(), pending: pendingPacks, bytes };
      void this.publishState(connection, heartbeat).catch(() => undefined);
    }
  }

  /** One birth for each catalogue that a pack in the outbox may name; the current one last. */
  private async announce(connection: Connection): Promise<void> {
    const { catalogue, version } = this.options;
    const births = catalogue.versions.map((known): Birth => {
      return { type: 'birth', ...this.outboxState(), catalogueHash: known.hash, catalogue: known.catalogue, version };
    });
    await Promise.all(births.map((birth) => this.publishState(connection, birth)));
  }

  private outboxState() {
    const { clock, outbox } = this.options;
    const { lastSeq, oldestHeld } = outbox.status();
    return { session: this.session, epoch: outbox.epoch, lastSeq, oldestHeld, timeUs: clock.nowUs() };
  }

  private publishState(connection: Connection, state: DeviceState): Promise<void> {
    return connection.publish(mqttTopic(this.options.device, 'state'), encode(state));
  }

  private async command(topic: string, payload: Uint8Array): Promise<void> {
    const { device, outbox, logger } = this.options;
    const parsed = parseMqttTopic(topic);
    if (parsed?.kind !== 'command' || parsed.id === undefined) return;
    const result = await obey(payload, outbox);
    logger.info({ device: deviceKey(device), id: parsed.id, result }, 'command');
    this.link?.pump.kick();
    await this.link?.connection.publish(mqttTopic(device, 'result', parsed.id), encode(result)).catch(() => undefined);
  }
}

function encode(message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}
