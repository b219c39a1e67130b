import { encodeAlertPack, type Alert } from '../../core/contract/alert.js';
import { catalogueHash, catalogueUnits, type Catalogue } from '../../core/contract/catalogue.js';
import { deviceEventKey, type DeviceEventKind } from '../../core/contract/device-events.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { deviceKey } from '../../core/contract/names.js';
import { encodePack, type Pack } from '../../core/contract/pack.js';
import type { Point } from '../../core/contract/reading.js';
import type { EventLog } from '../../core/log/log.js';
import { testCatalogue, testEpoch, testPack } from './packs.js';

/** A device as the log sees it: it announces itself and numbers what it sends, as the gateway would pass it on. */
export class TestDevice {
  readonly hash: string;
  session = '00000000000000aa';
  epoch = testEpoch;
  nextSeq = 0;

  constructor(
    readonly log: EventLog,
    readonly catalogue: Catalogue = testCatalogue(['temp', 'pressure']),
  ) {
    this.hash = catalogueHash(catalogue);
  }

  get key(): string {
    return deviceKey(this.catalogue);
  }

  /** The catalogue and the birth, as the gateway appends them. */
  async announce(timeUs = 1): Promise<void> {
    await this.event('catalogue', this.catalogue, this.hash);
    const { catalogue, hash: catalogueHash } = this;
    await this.event('birth', { type: 'birth', ...this.outbox(timeUs), catalogueHash, catalogue, version: '1.2.3' });
  }

  async beat(timeUs: number, pending = 0, bytes = 4096): Promise<void> {
    await this.event('heartbeat', { type: 'heartbeat', ...this.outbox(timeUs), pending, bytes });
  }

  /** Tells the clock of one of its boots. */
  async tellClock(bootId: string, offsetUs: number): Promise<void> {
    await this.event('clock', { type: 'clock', session: this.session, bootId, offsetUs, source: 'system' }, bootId);
  }

  async goOffline(): Promise<void> {
    await this.event('offline', { type: 'offline', session: this.session });
  }

  /** Sends the points as the next pack; `over` changes the pack, `units` what it says of them. */
  async send(
    points: readonly Point[],
    over: Partial<Pack> = {},
    units = catalogueUnits(this.catalogue),
  ): Promise<Pack> {
    const pack = { ...testPack(this.catalogue, this.take(), points, this.epoch), ...over };
    await this.append(logTopics.readings.name, encodePack(pack, units));
    return pack;
  }

  /** The bytes of the next pack, which is not sent. */
  encoded(points: readonly Point[]): Uint8Array {
    return encodePack(testPack(this.catalogue, this.take(), points, this.epoch), catalogueUnits(this.catalogue));
  }

  async alert(...alerts: Alert[]): Promise<void> {
    await this.alertOf(undefined, ...alerts);
  }

  /** An alert with the stamps of a boot. */
  async alertOf(bboot: string | undefined, ...alerts: Alert[]): Promise<void> {
    const { site, device } = this.catalogue;
    const pack = { site, device, epoch: this.epoch, seq: this.take(), ...(bboot && { bboot }), alerts };
    await this.append(logTopics.alerts.name, encodeAlertPack(pack));
  }

  async append(topic: string, value: Uint8Array): Promise<void> {
    await this.log.append(topic, [{ key: this.key, value }]);
  }

  private async event(kind: DeviceEventKind, body: object, id?: string): Promise<void> {
    const key = deviceEventKey(this.catalogue, kind, id);
    await this.log.append(logTopics.deviceEvents.name, [{ key, value: Buffer.from(JSON.stringify(body)) }]);
  }

  private take(): number {
    return this.nextSeq++;
  }

  private outbox(timeUs: number) {
    const { session, epoch, nextSeq } = this;
    return { session, epoch, lastSeq: nextSeq - 1, oldestHeld: nextSeq, timeUs };
  }
}
