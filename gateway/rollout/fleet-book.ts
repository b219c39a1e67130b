import { parseJson } from '#core/contract/alert.js';
import { birthSchema, heartbeatSchema, offlineSchema } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from '../desired/device-events.js';

/** The labels of a device: those of its sensors together. */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** What a device said of itself last. */
export interface KnownDevice extends DeviceId {
  /** Of the agent, as its newest birth names it. */
  readonly version: string;
  readonly session: string;
  /** When the log took its birth, and when the device says that was. */
  readonly bornUs: number;
  readonly saidUs: number;
  readonly epoch: string;
  readonly lastSeq: number;
  readonly labels: Labels;
  /** When the log last took something that it said of itself. */
  readonly lastSeenUs: number;
  /** The newest session that said goodbye, or whose connection was lost. */
  readonly endedSession?: string;
}

const said = new Set(['birth', 'heartbeat', 'offline', 'release-report', 'config-report', 'clock']);

/** Which devices there are, as they told: their versions, their labels, the numbers of their packs. */
export class FleetBook {
  private readonly known = new Map<string, KnownDevice>();
  /** Of devices whose birth was not read yet: records of one device come in any order. */
  private readonly early = new Map<string, { lastSeenUs: number; endedSession?: string }>();

  constructor(private readonly logger: Logger) {}

  get(device: DeviceId): KnownDevice | undefined {
    return this.known.get(deviceKey(device));
  }

  all(): Iterable<KnownDevice> {
    return this.known.values();
  }

  /** Whether it is connected, as far as it told. */
  isOnline(device: DeviceId, nowUs: number, silentAfterMs: number): boolean {
    const known = this.get(device);
    return !!known && known.endedSession !== known.session && nowUs - known.lastSeenUs < silentAfterMs * 1000;
  }

  learn(event: DeviceEventRecord): void {
    if (!said.has(event.kind) || event.value.byteLength === 0) return;
    try {
      this.take(event);
    } catch (error) {
      const { device, kind } = event;
      this.logger.warn({ device: deviceKey(device), kind, error: messageOf(error) }, 'ignored a device event');
    }
  }

  private take({ device, kind, value, appendedUs }: DeviceEventRecord): void {
    const key = deviceKey(device);
    if (kind === 'birth') this.bear(device, parseJson(value, birthSchema, kind), appendedUs);
    if (kind === 'offline') this.change(key, { endedSession: parseJson(value, offlineSchema, kind).session });
    if (kind === 'heartbeat') {
      const { epoch, lastSeq, session } = parseJson(value, heartbeatSchema, kind);
      const known = this.known.get(key);
      if (known?.session === session && known.epoch === epoch && lastSeq > known.lastSeq) this.change(key, { lastSeq });
    }
    const { lastSeenUs } = this.known.get(key) ?? this.early.get(key) ?? { lastSeenUs: 0 };
    this.change(key, { lastSeenUs: Math.max(lastSeenUs, appendedUs) });
  }

  private bear({ site, device }: DeviceId, birth: ReturnType<typeof birthSchema.parse>, bornUs: number): void {
    const key = deviceKey({ site, device });
    const { version, session, epoch, lastSeq, catalogue, timeUs: saidUs } = birth;
    const before = this.known.get(key) ?? this.early.get(key) ?? { lastSeenUs: bornUs };
    this.early.delete(key);
    const labels = labelsOf(catalogue.sensors);
    const told = { site, device, version, session, bornUs, saidUs, epoch, lastSeq, labels };
    this.known.set(key, { ...before, ...told });
  }

  private change(key: string, change: Partial<KnownDevice>): void {
    const known = this.known.get(key);
    if (known) this.known.set(key, { ...known, ...change });
    else this.early.set(key, { lastSeenUs: 0, ...this.early.get(key), ...change });
  }
}

function labelsOf(sensors: Readonly<Record<string, { labels: Readonly<Record<string, string>> }>>): Labels {
  const found: Record<string, Set<string>> = {};
  for (const { labels } of Object.values(sensors)) {
    for (const [name, value] of Object.entries(labels)) (found[name] ??= new Set()).add(value);
  }
  return Object.fromEntries(Object.entries(found).map(([name, values]) => [name, [...values].sort()]));
}
