import { deviceEventKey } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { maxNamings, registrationSchema, type Naming, type Registration } from '#core/contract/registration.js';
import { RegistrationBook } from '#core/contract/registration-book.js';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { RefusalReason } from '../broker/refusals.js';
import type { DeviceEventRecord } from '../desired/device-events.js';
import { deadLetter } from '../intake/dead-letter.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';
import { underOldName } from './old-names.js';

/** What becomes of devices that nobody adopted. */
export type UnknownDevices = 'accept' | 'quarantine' | 'reject';

export interface DeviceRegistryOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly unknown: UnknownDevices;
  /** From when on a new name counts: long enough for every reader of the log to have heard of it. */
  readonly namingDelayMs: number;
  /** When its certificate ends, of a device that has one. */
  readonly certificateEndsUs?: (spoken: DeviceId) => number | undefined;
  /** Closes the connections of a device. */
  readonly disconnect: (device: DeviceId, reason: RefusalReason, detail: string) => void;
}

/** A device as the registry lists it. */
export interface ListedDevice {
  readonly site: string;
  readonly device: string;
  readonly state: Registration['state'];
  readonly sinceUs: number | null;
  readonly title: string | null;
  readonly replacedUs: number | null;
  /** The name under which its hardware speaks now, if that is another. */
  readonly speaksAs: string | null;
  /** Under which name its sensors are stored, of those that speak under another. */
  readonly sensors: Readonly<Record<string, string>>;
  /** When the log last took something that it said of itself. */
  readonly lastSeenUs: number | null;
  /** When its certificate ends, of a device that has one. */
  readonly certificateEndsUs: number | null;
}

/** Devices that were turned away are listed up to this number: whoever knocks under many names must not fill the log. */
const maxTurnedAway = 1000;
const said = new Set(['birth', 'heartbeat', 'offline', 'catalogue']);

/** Which devices may speak, and under which name what they say is kept. */
export class DeviceRegistry {
  readonly book = new RegistrationBook();
  private readonly seenUs = new Map<string, { readonly device: DeviceId; readonly lastUs: number }>();
  private readonly turnedAway = new Set<string>();

  constructor(private readonly options: DeviceRegistryOptions) {}

  learn({ device, kind, value, appendedUs }: DeviceEventRecord): void {
    if (said.has(kind)) this.seenUs.set(deviceKey(device), { device, lastUs: appendedUs });
    if (kind !== 'registration') return;
    try {
      this.book.learn(device, value);
    } catch (error) {
      const { logger } = this.options;
      logger.warn({ device: deviceKey(device), kind, error: messageOf(error) }, 'ignored a device event');
    }
    for (const name of this.book.namesOf(device)) this.disconnectIfRefused(name);
  }

  stateOf(spoken: DeviceId): Registration['state'] {
    const own = this.book.get(spoken)?.state;
    const owner = this.ownerOf(spoken);
    const ofOwner = deviceKey(owner) === deviceKey(spoken) ? undefined : this.book.get(owner)?.state;
    if (own === 'retired' || ofOwner === 'retired') return 'retired';
    return own ?? 'unknown';
  }

  /** Why a device may not connect although it showed who it is; undefined if it may. */
  refuses(spoken: DeviceId): 'device-retired' | 'unknown-device' | undefined {
    const state = this.stateOf(spoken);
    if (state === 'retired') return 'device-retired';
    if (state === 'adopted' || this.options.unknown !== 'reject') return undefined;
    this.listTurnedAway(spoken);
    return 'unknown-device';
  }

  /**
   * What an unknown device measured is set aside while it is in quarantine; what it says of itself is kept. A pack from
   * before its hardware got the name under which it speaks is taken.
   */
  screen(message: DeviceMessage, received: Decoded): Decoded {
    const decoded = underOldName(message, received, (one, other) => this.isOneDevice(one, other)) ?? received;
    if (this.options.unknown !== 'quarantine' || (decoded.kind !== 'pack' && decoded.kind !== 'alert')) return decoded;
    if (this.stateOf(message.topic) !== 'unknown') return decoded;
    return deadLetter(message, 'unknown-device', 'nobody has adopted this device', decoded.readings);
  }

  private isOneDevice(one: DeviceId, other: DeviceId): boolean {
    return deviceKey(this.ownerOf(one)) === deviceKey(this.ownerOf(other));
  }

  ownerOf(spoken: DeviceId): DeviceId {
    return this.book.ownerOf(spoken, this.aheadUs());
  }

  spokenOf(owner: DeviceId): DeviceId {
    return this.book.spokenOf(owner, this.aheadUs());
  }

  /** Every device that spoke or was spoken of, in order of its name; one that speaks for another is not listed. */
  list(): ListedDevice[] {
    const names = new Map([...this.seenUs].map(([key, { device }]) => [key, device]));
    for (const [device] of this.book.all()) names.set(deviceKey(device), device);
    const own = [...names.values()].filter((device) => deviceKey(this.ownerOf(device)) === deviceKey(device));
    return own.map((device) => this.describe(device)).sort((a, b) => compare(deviceKey(a), deviceKey(b)));
  }

  describe(device: DeviceId): ListedDevice {
    const { site, device: name } = device;
    const registration = this.book.get(device);
    const spoken = this.spokenOf(device);
    const seen = this.book.namesOf(device).map((alias) => this.seenUs.get(deviceKey(alias))?.lastUs ?? 0);
    const naming = this.book.get(spoken)?.namings.at(-1);
    return {
      site,
      device: name,
      state: this.stateOf(device),
      sinceUs: registration?.sinceUs ?? null,
      title: registration?.title ?? null,
      replacedUs: registration?.replacedUs ?? null,
      speaksAs: deviceKey(spoken) === deviceKey(device) ? null : deviceKey(spoken),
      sensors: naming?.sensors ?? {},
      lastSeenUs: Math.max(...seen) || null,
      certificateEndsUs: this.options.certificateEndsUs?.(spoken) ?? null,
    };
  }

  /** Whether the log knows anything that the device said, or that was said of it. */
  isKnown(device: DeviceId): boolean {
    return this.seenUs.has(deviceKey(device)) || (this.book.get(device)?.state ?? 'unknown') !== 'unknown';
  }

  async adopt(device: DeviceId, by: string, title?: string): Promise<void> {
    const change = { state: 'adopted' as const, ...(title !== undefined && { title }) };
    for (const name of this.namesNow(device))
      await this.write(name, by, name === device ? change : { state: 'adopted' });
  }

  /** No more connections; what was stored stays, and `adopt` undoes it. */
  async retire(device: DeviceId, by: string): Promise<void> {
    await this.write(device, by, { state: 'retired' });
  }

  /** Other words for people; what is stored stays under its name. */
  async entitle(device: DeviceId, by: string, title: string | undefined): Promise<void> {
    await this.write(device, by, { title });
  }

  async noteReplaced(device: DeviceId, by: string): Promise<void> {
    await this.write(device, by, { state: 'adopted', replacedUs: this.options.clock.nowUs() });
  }

  /** From now on the hardware of the device speaks as `spoken`; it is stored as before. Resolves with when that begins. */
  async rename(device: DeviceId, spoken: DeviceId, by: string): Promise<number> {
    const sensors = this.sensorsOf(device);
    const title = this.book.get(device)?.title ?? deviceKey(spoken);
    if (deviceKey(spoken) !== deviceKey(device)) await this.write(device, by, { state: this.stateBut(device), title });
    return this.name(spoken, { ...device, sensors }, by);
  }

  /** From now on what the device calls `spoken` is stored as `stored`; the same name ends that. */
  async renameSensor(device: DeviceId, spoken: string, stored: string, by: string): Promise<number> {
    const sensors = Object.fromEntries(
      Object.entries({ ...this.sensorsOf(device), [spoken]: stored }).filter(([from, to]) => from !== to),
    );
    return this.name(this.spokenOf(device), { ...device, sensors }, by);
  }

  private sensorsOf(device: DeviceId): Record<string, string> {
    return this.book.get(this.spokenOf(device))?.namings.at(-1)?.sensors ?? {};
  }

  private async name(spoken: DeviceId, naming: Omit<Naming, 'fromUs'>, by: string): Promise<number> {
    const { site, device, sensors } = naming;
    const namings = this.book.get(spoken)?.namings ?? [];
    if (namings.length >= maxNamings) {
      throw new RejectedError('over-budget', `${deviceKey(spoken)} was renamed ${maxNamings} times already`);
    }
    const fromUs = Math.max(this.aheadUs(), (namings.at(-1)?.fromUs ?? 0) + 1);
    const next = { fromUs, site, device, sensors };
    await this.write(spoken, by, { state: this.stateBut(spoken), namings: [...namings, next] });
    return fromUs;
  }

  /** Whoever names a device knows it; that does not bring it back if it was retired. */
  private stateBut(device: DeviceId): Registration['state'] {
    return this.book.get(device)?.state === 'retired' ? 'retired' : 'adopted';
  }

  private namesNow(device: DeviceId): DeviceId[] {
    const spoken = this.spokenOf(device);
    return deviceKey(spoken) === deviceKey(device) ? [device] : [device, spoken];
  }

  private async write(device: DeviceId, by: string, change: Partial<Registration>): Promise<void> {
    const { clock, log } = this.options;
    const before = this.book.get(device);
    const state = change.state ?? before?.state ?? 'unknown';
    const sinceUs = before?.state === state ? before.sinceUs : clock.nowUs();
    const next = registrationSchema.parse({ ...before, ...change, type: 'registration', state, sinceUs, by });
    const value = Buffer.from(JSON.stringify(next));
    await log.append(logTopics.deviceEvents.name, [{ key: deviceEventKey(device, 'registration'), value }]);
    // What is asked next need not wait for the log's tail.
    this.book.learn(device, value);
  }

  private listTurnedAway(device: DeviceId): void {
    const key = deviceKey(device);
    if (this.book.get(device) || this.turnedAway.has(key) || this.turnedAway.size >= maxTurnedAway) return;
    this.turnedAway.add(key);
    this.write(device, 'gateway', { state: 'unknown' }).catch((error: unknown) => {
      this.turnedAway.delete(key);
      this.options.logger.warn({ device: key, error: messageOf(error) }, 'a device that was turned away is not listed');
    });
  }

  private disconnectIfRefused(spoken: DeviceId): void {
    const state = this.stateOf(spoken);
    if (state === 'retired') this.options.disconnect(spoken, 'device-retired', 'the device was retired');
  }

  private aheadUs(): number {
    const { clock, namingDelayMs } = this.options;
    return clock.nowUs() + Math.round(namingDelayMs * 1000);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
