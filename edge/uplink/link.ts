import type { Birth, DeviceState, Heartbeat } from '#core/contract/device-events.js';
import { mqttTopic, parseMqttTopic } from '#core/contract/mqtt-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceCatalogue } from '../device-catalogue.js';
import type { Outbox } from '../outbox/outbox.js';
import type { ConfigOutcome } from '../desired-config/config-state.js';
import type { DesiredConfig } from '../desired-config/desired-config.js';
import type { ReleaseNews, Upgrade } from '../upgrade/upgrade.js';
import type { Commands } from './commands.js';
import type { Connection } from './connection.js';
import { beat } from './heartbeat.js';
import { watchLine, type LivenessOptions } from './liveness.js';
import { Pump } from './pump.js';

/** Where the config topic leads to. */
export type RemoteConfig = Pick<DesiredConfig, 'receive' | 'outcome' | 'onOutcome'>;

/** Where the release topic leads to. */
export type RemoteRelease = Pick<Upgrade, 'receive' | 'news' | 'onNews'>;

export interface LinkOptions {
  readonly connection: Connection;
  /** 16 hex digits, another for each connection: a will that comes late must not be taken for the newer one's. */
  readonly session: string;
  readonly device: DeviceId;
  readonly outbox: Outbox;
  readonly catalogue: Pick<DeviceCatalogue, 'versions' | 'onChange'>;
  readonly version: string;
  readonly commands: Commands;
  readonly desired: RemoteConfig | undefined;
  readonly upgrade: RemoteRelease | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly inFlight: number;
  readonly backlogPacksPerSecond: number;
  readonly heartbeatMs: number;
  readonly liveness: LivenessOptions;
  readonly onAcknowledged: (packs: number) => void;
}

/** What the device does on one connection, from the CONNACK to its end. */
export class Link {
  readonly #pump: Pump;
  /** Set once the births are taken: what is sent before would be sent again, for everything pending is. */
  #isReady = false;

  constructor(private readonly options: LinkOptions) {
    const { outbox, inFlight, backlogPacksPerSecond, clock, connection, device, onAcknowledged } = options;
    this.#pump = new Pump({
      outbox,
      inFlight,
      backlogPacksPerSecond,
      clock,
      publish: (topic, payload) => connection.publish(mqttTopic(device, topic), payload),
      onAcknowledged,
      onError: (error) => connection.cut(`the outbox failed: ${String(error)}`),
    });
  }

  get inFlight(): number {
    return this.#pump.inFlight;
  }

  /**
   * Subscribes, says the birth, and then sends until the connection ends; `onReady` is called in between. Resolves with
   * the reason of the end. Throws RetryableError if it ended before the birth was taken.
   */
  async run(onReady: () => void): Promise<string> {
    const { connection, outbox, device, catalogue, desired, upgrade, heartbeatMs, clock, liveness } = this.options;
    const ended = new AbortController();
    void connection.closed.then(() => ended.abort());
    void watchLine(connection, ended.signal, liveness).then((reason) => reason && connection.cut(reason));
    await connection.subscribe(mqttTopic(device, 'command', '+'));
    const offChange = catalogue.onChange(() => void this.#announce().catch(() => undefined));
    const offAppend = outbox.onAppend(() => this.#kick());
    const offNews = upgrade?.onNews((news) => void this.#reportRelease(news).catch(() => undefined));
    const offOutcome = desired?.onOutcome((outcome) => void this.#reportConfig(outcome).catch(() => undefined));
    try {
      await this.#announce();
      if (desired?.outcome) await this.#reportConfig(desired.outcome);
      if (desired) await connection.subscribe(mqttTopic(device, 'config'));
      if (upgrade) await this.#beginUpgrades(upgrade);
      // Everything pending may have been lost with the last connection; what comes from now on is live.
      outbox.rewind();
      onReady();
      this.#isReady = true;
      this.#kick();
      const send = () => this.#heartbeat();
      await beat(ended.signal, { clock, intervalMs: heartbeatMs, status: () => outbox.status(), send });
      return await connection.closed;
    } finally {
      offChange();
      offAppend();
      offOutcome?.();
      offNews?.();
      this.#pump.end();
      // What is appended from now on was never offered.
      outbox.rewind();
    }
  }

  /** Takes what the gateway says. */
  async receive(topic: string, payload: Uint8Array): Promise<void> {
    const parsed = parseMqttTopic(topic);
    if (parsed?.kind === 'config') await this.options.desired?.receive(payload);
    if (parsed?.kind === 'release') await this.options.upgrade?.receive(payload);
    if (parsed?.kind === 'command' && parsed.id !== undefined) await this.#command(parsed.id, payload);
  }

  /** Tells the gateway that this session ends, and closes. Each step takes at most half of the time. */
  async goodbye(deadlineMs: number): Promise<void> {
    const { connection, session, clock } = this.options;
    const over = new AbortController();
    this.#pump.end();
    // Whoever comes back with an older card is known by the last number.
    const farewell = [this.#heartbeat(), this.#state({ type: 'offline', session })];
    const said = Promise.all(farewell).catch(() => undefined);
    await Promise.race([said, clock.sleep(deadlineMs / 2, over.signal)]);
    await Promise.race([connection.end(), clock.sleep(deadlineMs / 2, over.signal)]);
    over.abort();
    connection.cut();
    await connection.closed;
  }

  #kick(): void {
    if (this.#isReady) this.#pump.kick();
  }

  /** Answers one command on the topic of its id. */
  async #command(id: string, payload: Uint8Array): Promise<void> {
    const { device, commands, connection, session, logger } = this.options;
    const result = await commands.obey(id, payload, session);
    logger.info({ id, result }, 'uplink: command');
    this.#kick();
    const answered = connection.publish(mqttTopic(device, 'result', id), encodeMessage(result));
    await answered.catch(() => undefined);
    // The birth of this connection speaks of another epoch.
    if (result.ok && result.epoch !== undefined) connection.cut('a new epoch begins');
  }

  #reportConfig(outcome: ConfigOutcome): Promise<void> {
    const { session, clock } = this.options;
    return this.#state({ type: 'config', session, ...outcome, timeUs: clock.nowUs() });
  }

  /** Says what became of the last release, on every connection; then asks for the next. */
  async #beginUpgrades(upgrade: RemoteRelease): Promise<void> {
    const { connection, device, logger } = this.options;
    if (upgrade.news) await this.#reportRelease(upgrade.news);
    await connection.subscribe(mqttTopic(device, 'release')).catch((error: unknown) => {
      // A broker that does not know the topic yet must not keep data from flowing.
      logger.warn({ error: String(error) }, 'uplink: the gateway tells nothing of releases');
    });
  }

  #reportRelease(news: ReleaseNews): Promise<void> {
    const { session, clock } = this.options;
    return this.#state({ type: 'release', session, ...news, timeUs: clock.nowUs() });
  }

  /** One birth for each catalogue that a pack in the outbox may name; the current one last. */
  async #announce(): Promise<void> {
    const { catalogue, version } = this.options;
    const births = catalogue.versions.map((known): Birth => {
      return { type: 'birth', ...this.#numbers(), catalogueHash: known.hash, catalogue: known.catalogue, version };
    });
    await Promise.all(births.map((birth) => this.#state(birth)));
  }

  #heartbeat(): Promise<void> {
    const { bytes, pendingPacks: pending } = this.options.outbox.status();
    const heartbeat: Heartbeat = { type: 'heartbeat', ...this.#numbers(), pending, bytes: Math.round(bytes) };
    return this.#state(heartbeat);
  }

  #numbers() {
    const { clock, outbox, session } = this.options;
    const { lastSeq, oldestHeld } = outbox.status();
    return { session, epoch: outbox.epoch, lastSeq, oldestHeld, timeUs: clock.nowUs() };
  }

  #state(state: DeviceState): Promise<void> {
    const { connection, device } = this.options;
    return connection.publish(mqttTopic(device, 'state'), encodeMessage(state));
  }
}

export function encodeMessage(message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}
