import mqtt, { type MqttClient } from 'mqtt';
import type { AlertPack } from '#core/contract/alert.js';
import { encodeAlertPack } from '#core/contract/alert.js';
import { catalogueHash, catalogueUnits, type Catalogue } from '#core/contract/catalogue.js';
import type { Birth } from '#core/contract/device-events.js';
import { mqttTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey } from '#core/contract/names.js';
import { encodePackJson } from '#core/contract/pack.js';
import type { Point } from '#core/contract/reading.js';
import { deflatePayload } from '#core/contract/transfer-coding.js';
import type { JournalWriter } from './journal.js';
import type { SimulatedDevice } from './scenarios/scenario.js';

export interface PublisherOptions {
  readonly site: string;
  readonly simulated: SimulatedDevice;
  readonly url: string;
  readonly password: string;
  /** 32 hex digits: a publisher is an outbox that lives as long as the run. */
  readonly epoch: string;
  readonly journal: JournalWriter;
  readonly nowUs: () => number;
  /** Yields [0, 1): spreads reconnects. */
  readonly random: () => number;
  readonly onFault: (device: string, message: string) => void;
}

const reconnectMs = 500;

/** One device on the wire: its own connection, its own numbers. Unacknowledged packs are sent again until they are taken. */
export class DevicePublisher {
  private readonly catalogue: Catalogue;
  private readonly hash: string;
  private readonly units: Map<string, string>;
  private readonly sensors: [name: string, value: (timeUs: number) => number][];
  private client: MqttClient | undefined;
  private stopped = false;
  /** What was sent and not acknowledged, by number. */
  private readonly pending = new Map<number, { topic: string; payload: Buffer; readings: number }>();
  private seq = 0;
  private raised = false;
  readonly totals = { sentReadings: 0, ackedReadings: 0, sentPacks: 0, ackedPacks: 0 };

  constructor(private readonly options: PublisherOptions) {
    const { site, simulated } = options;
    this.catalogue = { site, device: simulated.device, sensors: simulated.sensors };
    this.hash = catalogueHash(this.catalogue);
    this.units = catalogueUnits(this.catalogue);
    this.sensors = Object.entries(simulated.signals);
  }

  get connected(): boolean {
    return this.client?.connected ?? false;
  }

  /** Starts to connect, and keeps trying; returns at once. */
  start(): void {
    const session = this.options.epoch.slice(0, 16);
    const will = Buffer.from(JSON.stringify({ type: 'offline', session }));
    const client = mqtt.connect(this.options.url, {
      username: deviceKey(this.catalogue),
      password: this.options.password,
      clientId: deviceKey(this.catalogue),
      will: { topic: mqttTopic(this.catalogue, 'state'), payload: will, qos: 1, retain: false },
      // A client for each connection: what is sent again, and when, is decided here and nowhere else.
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      keepalive: 30,
    });
    this.client = client;
    client.on('connect', () => this.greet(client));
    client.on('error', (error) => this.options.onFault(this.catalogue.device, error.message));
    client.once('close', () => {
      client.end(true);
      if (!this.stopped) setTimeout(() => this.start(), reconnectMs * (0.5 + this.options.random()));
    });
  }

  /** Samples every signal at `timeUs` and sends the pack, and an alert pack if the threshold was crossed. */
  sample(timeUs: number): void {
    const points = this.sensors.map(([sensor, value]): Point => ({
      sensor,
      timeUs,
      value: value(timeUs),
      quality: 'good',
      form: 'raw',
    }));
    this.sendData(points);
    const { sensor, above } = this.options.simulated.alert;
    const value = points.find((point) => point.sensor === sensor)?.value as number;
    if (value > above !== this.raised) this.sendAlert(sensor, above, value, timeUs);
  }

  /** Says goodbye and closes; packs still unacknowledged stay so in the journal. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.client?.endAsync(!this.client.connected);
  }

  /** The birth, then everything that an earlier connection may have lost. */
  private greet(client: MqttClient): void {
    const birth: Birth = {
      type: 'birth',
      session: this.options.epoch.slice(0, 16),
      epoch: this.options.epoch,
      lastSeq: this.seq - 1,
      oldestHeld: 0,
      timeUs: this.options.nowUs(),
      catalogueHash: this.hash,
      catalogue: { ...this.catalogue, sensors: { ...this.catalogue.sensors } },
      version: 'simulator',
    };
    client.publish(mqttTopic(this.catalogue, 'state'), JSON.stringify(birth), { qos: 1 });
    for (const seq of this.pending.keys()) this.send(client, seq);
  }

  private sendData(points: readonly Point[]): void {
    const { epoch, journal } = this.options;
    const pack = {
      site: this.catalogue.site,
      device: this.catalogue.device,
      epoch,
      seq: this.seq++,
      catalogue: this.hash,
      points,
    };
    const json = encodePackJson(pack, this.units);
    journal.sent(pack.device, epoch, pack.seq, 'data', json);
    this.publish('data', pack.seq, deflatePayload(json), points.length);
  }

  private sendAlert(sensor: string, threshold: number, value: number, timeUs: number): void {
    this.raised = !this.raised;
    const { epoch, journal } = this.options;
    const state = this.raised ? ('raised' as const) : ('cleared' as const);
    const message = `${sensor} ${this.raised ? 'above' : 'no longer above'} ${threshold}`;
    const alert = { sensor, rule: 'above', state, severity: 'warning' as const, timeUs, value, threshold, message };
    const pack: AlertPack = {
      site: this.catalogue.site,
      device: this.catalogue.device,
      epoch,
      seq: this.seq++,
      alerts: [alert],
    };
    const payload = encodeAlertPack(pack);
    journal.sent(pack.device, epoch, pack.seq, 'alert', Buffer.from(payload).toString());
    this.publish('alert', pack.seq, payload, 0);
  }

  private publish(kind: 'data' | 'alert', seq: number, payload: Uint8Array, readings: number): void {
    this.totals.sentPacks += 1;
    this.totals.sentReadings += readings;
    this.pending.set(seq, { topic: mqttTopic(this.catalogue, kind), payload: Buffer.from(payload), readings });
    if (this.client?.connected) this.send(this.client, seq);
  }

  private send(client: MqttClient, seq: number): void {
    const { topic, payload, readings } = this.pending.get(seq)!;
    client.publish(topic, payload, { qos: 1 }, (error) => {
      // An error means that the connection ended: the next one sends it again. A late answer may come twice.
      if (error || !this.pending.delete(seq)) return;
      this.totals.ackedPacks += 1;
      this.totals.ackedReadings += readings;
      this.options.journal.acked(this.catalogue.device, this.options.epoch, seq);
    });
  }
}
