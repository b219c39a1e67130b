import type { Birth, Heartbeat } from '#core/contract/device-events.js';
import type { DeviceId } from '#core/contract/names.js';
import { numericValue, type Point, type Quality } from '#core/contract/reading.js';
import type { KnownCatalogue } from '../ingest/catalogue-book.js';

/** The newest reading of a series by its stamp, as it is served: booleans are 0 and 1. */
export interface LastReading {
  readonly timeUs: number;
  readonly value: number | string;
  readonly quality: Quality;
}

/** One series as the fleet knows it. */
export interface FleetSeries {
  /** `site/device/sensor` */
  readonly key: string;
  readonly sensor: string;
  readonly quantity: string;
  readonly unit: string;
  readonly labels: Readonly<Record<string, string>>;
  last: LastReading | null;
}

/** What a device says of its outbox, from its newest birth or heartbeat. */
export interface OutboxReport {
  readonly session: string;
  readonly epoch: string;
  readonly lastSeq: number;
  /** Only a heartbeat knows these two. */
  readonly pending: number;
  readonly bytes: number;
}

/** One device: its announcements, in whatever order they come, and the last values of its series. */
export class FleetDevice {
  private birth: Omit<Birth, 'catalogue'> | undefined;
  private heartbeat: Heartbeat | undefined;
  /** Sessions that said goodbye, the last one last: an older one may come later, from another gateway. */
  private endedSessions: readonly string[] = [];
  /** Sessions before the newest birth: what still comes of them is late, and says nothing of the device now. */
  private pastSessions: readonly string[] = [];
  /** When the log last took something of the device, microseconds since the Unix epoch. */
  lastSeenUs = 0;
  series: ReadonlyMap<string, FleetSeries> = new Map();
  catalogueHash: string | undefined;

  constructor(readonly id: DeviceId) {}

  get version(): string | null {
    return this.birth?.version ?? null;
  }

  /** The hash that its newest birth names. */
  get wantedCatalogue(): string | undefined {
    return this.birth?.catalogueHash;
  }

  /** Takes a birth; false if a newer one is known, under another name of the device. */
  born({ catalogue: _, ...birth }: Birth): boolean {
    if (this.birth && birth.timeUs < this.birth.timeUs) return false;
    const before = this.birth?.session;
    if (before !== undefined && before !== birth.session) this.pastSessions = remember(this.pastSessions, before);
    this.birth = birth;
    return true;
  }

  beat(heartbeat: Heartbeat): void {
    if (this.pastSessions.includes(heartbeat.session)) return;
    if (!this.heartbeat || heartbeat.timeUs >= this.heartbeat.timeUs) this.heartbeat = heartbeat;
  }

  /** The goodbye, or the will, of a session. It counts only if no newer session was born. */
  ended(session: string): void {
    this.endedSessions = remember(this.endedSessions, session);
  }

  /** Births and goodbyes stand in different partitions: only the session tells which came last. */
  online(silentSinceUs: number): boolean {
    const session = this.outbox()?.session;
    return session !== undefined && !this.endedSessions.includes(session) && this.lastSeenUs >= silentSinceUs;
  }

  outbox(): OutboxReport | undefined {
    const { birth, heartbeat } = this;
    if (!birth) return heartbeat;
    if (!heartbeat) return { ...birth, pending: 0, bytes: 0 };
    if (heartbeat.session !== birth.session) {
      return heartbeat.timeUs > birth.timeUs ? heartbeat : { ...birth, pending: 0, bytes: 0 };
    }
    if (heartbeat.epoch !== birth.epoch)
      return heartbeat.timeUs >= birth.timeUs ? heartbeat : { ...heartbeat, ...birth };
    return { ...heartbeat, lastSeq: Math.max(heartbeat.lastSeq, birth.lastSeq) };
  }

  /** The newest heartbeat, if it is of the session and the outbox that are on now. */
  lastBeat(): Heartbeat | undefined {
    const outbox = this.outbox();
    const { heartbeat } = this;
    return heartbeat?.session === outbox?.session && heartbeat?.epoch === outbox?.epoch ? heartbeat : undefined;
  }

  /** Takes over a catalogue's sensors; those that stay keep their last reading. `room` bounds how many. */
  describe({ hash, catalogue }: KnownCatalogue, room: number): void {
    const next = new Map<string, FleetSeries>();
    for (const [sensor, { quantity, unit, labels }] of Object.entries(catalogue.sensors)) {
      if (next.size >= room) break;
      const key = `${this.id.site}/${this.id.device}/${sensor}`;
      const before = this.series.get(sensor);
      next.set(sensor, { key, sensor, quantity, unit, labels, last: before?.unit === unit ? before.last : null });
    }
    this.series = next;
    this.catalogueHash = hash;
  }

  /** Notes a reading if it is the newest of its series. */
  note(point: Point): FleetSeries | undefined {
    const series = this.series.get(point.sensor);
    if (!series) return undefined;
    if (series.last === null || point.timeUs >= series.last.timeUs) {
      series.last = { timeUs: point.timeUs, value: servedValue(point), quality: point.quality };
    }
    return series;
  }
}

const rememberedSessions = 8;

function remember(sessions: readonly string[], session: string): readonly string[] {
  return [...sessions.filter((other) => other !== session), session].slice(-rememberedSessions);
}

export function servedValue({ value }: Point): number | string {
  return typeof value === 'string' ? value : numericValue(value)!;
}
