import type { MqttClient } from 'mqtt';
import { encodeAlertPack, type Alert } from '../../../core/contract/alert.js';
import { catalogueHash, catalogueUnits } from '../../../core/contract/catalogue.js';
import { mqttTopic, type UpTopic } from '../../../core/contract/mqtt-topics.js';
import type { DeviceId } from '../../../core/contract/names.js';
import { encodePack } from '../../../core/contract/pack.js';
import { rawPoint, testCatalogue, testPack } from '../../support/packs.js';
import { connectDevice } from '../harness.js';

export const firstUs = 1_795_000_000_000_000;

/** Hardware that speaks as `device`, over MQTT: a birth, then packs of one reading of each sensor, a second apart. */
export class WireDevice {
  private nextSeq = 0;

  private constructor(
    readonly client: MqttClient,
    private readonly device: DeviceId,
    private readonly sensors: readonly string[],
    private readonly epoch: string,
  ) {}

  static async open(
    port: number,
    device: DeviceId,
    sensors: readonly string[],
    epoch: string,
    password?: string,
  ): Promise<WireDevice> {
    const client = await connectDevice(port, device, password === undefined ? {} : { password });
    const opened = new WireDevice(client, device, sensors, epoch);
    await opened.state('birth');
    return opened;
  }

  /** A pack; the stamp is `firstUs` and so many seconds. Resolves when it was acknowledged. `made` is its name then. */
  async send(seconds: number, value: number, seq = this.nextSeq++, made = this.device): Promise<void> {
    const catalogue = testCatalogue([...this.sensors], made.site, made.device);
    const points = this.sensors.map((sensor) => rawPoint(sensor, firstUs + seconds * 1e6, value));
    const pack = testPack(catalogue, seq, points, this.epoch);
    await this.publish('data', encodePack(pack, catalogueUnits(catalogue)));
  }

  /** Gives out a number whose pack never arrives. */
  lose(): number {
    return this.nextSeq++;
  }

  async alert(alert: Alert): Promise<void> {
    await this.publish(
      'alert',
      encodeAlertPack({ ...this.device, epoch: this.epoch, seq: this.nextSeq++, alerts: [alert] }),
    );
  }

  async state(type: 'birth' | 'heartbeat'): Promise<void> {
    const lastSeq = this.nextSeq - 1;
    const outbox = { session: this.epoch.slice(0, 16), epoch: this.epoch, lastSeq, oldestHeld: 0, timeUs: firstUs };
    const catalogue = testCatalogue([...this.sensors], this.device.site, this.device.device);
    const birth = { catalogue, catalogueHash: catalogueHash(catalogue), version: '1' };
    const said = type === 'birth' ? birth : { pending: 0, bytes: 0 };
    await this.publish('state', Buffer.from(JSON.stringify({ type, ...outbox, ...said })));
  }

  private async publish(kind: UpTopic, payload: Uint8Array): Promise<void> {
    await this.client.publishAsync(mqttTopic(this.device, kind), Buffer.from(payload), { qos: 1 });
  }
}
