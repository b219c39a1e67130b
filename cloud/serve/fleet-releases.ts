import { parseJson } from '#core/contract/alert.js';
import { deviceKey, isName, type DeviceId } from '#core/contract/names.js';
import {
  desiredReleaseSchema,
  releaseManifestSchema,
  releaseReportSchema,
  type ReleaseReport,
} from '#core/contract/release.js';
import { isUnderway, RolloutBook, type Rollout } from '#core/contract/rollout-book.js';
import { backId, parseRolloutKey } from '#core/contract/rollout.js';
import type { StoredRecord } from '#core/log/log.js';

/** What stands in the log of what a device is to run; without `id` it is to keep what it has. */
export interface WantedRelease {
  readonly id?: string;
  readonly version?: string;
  /** When the log took it. */
  readonly atUs: number;
}

/** What a device said last of a release. */
export interface ReportedRelease {
  readonly id: string;
  readonly version: string;
  readonly status: ReleaseReport['status'];
  readonly reason: string | null;
  /** When the log took the first report that says so, of those that it still has: a device says it again on each connection. */
  readonly sinceUs: number;
}

interface Entry {
  wanted?: WantedRelease;
  reported?: ReportedRelease | undefined;
}

const maxKnownManifests = 100;
const maxReasonLength = 300;
/** Beside those that are under way, which are few: a device is in one such only. */
const keptRollouts = 5;

/**
 * What each device is to run and what became of it, by the name with which it speaks, and the newest rollouts: what
 * gateways and devices wrote into `device-events`, in bounded memory.
 */
export class FleetReleases {
  private readonly known = new Map<string, Entry>();
  /** Many devices are told the same manifest. */
  private readonly versions = new Map<string, string>();
  private readonly book = new RolloutBook(() => undefined);
  private readonly forgotten = new Set<string>();
  /** What the devices of a rollout ran before it: asked for each device of a list. */
  private readonly before = new WeakMap<Rollout, ReadonlyMap<string, string>>();

  constructor(private readonly maxDevices: number) {}

  wanted(spoken: DeviceId): WantedRelease | undefined {
    return this.known.get(deviceKey(spoken))?.wanted;
  }

  reported(spoken: DeviceId): ReportedRelease | undefined {
    return this.known.get(deviceKey(spoken))?.reported;
  }

  /** The newest first. Those that are under way are all among them. */
  rollouts(): Rollout[] {
    return this.book.all();
  }

  /** What a device ran before the release of that id was wished of it, as far as a rollout that is known tells. */
  ranBefore(spoken: DeviceId, id: string): string | undefined {
    const rollout = this.book.get(id);
    if (!rollout) return this.book.all().find((one) => backId(one.id) === id)?.head.version;
    let before = this.before.get(rollout);
    if (!before) {
      before = new Map(rollout.devices.flat().map((device) => [deviceKey(device), device.from]));
      this.before.set(rollout, before);
    }
    return before.get(deviceKey(spoken));
  }

  /** Takes a record of `device-events`, and tells of which device it said something. Throws ContractError for what is not ours. */
  learn(record: StoredRecord): DeviceId | undefined {
    const named = parseRolloutKey(record.key);
    if (named) return this.learnRollout(named.id, record);
    const [site, device, kind] = record.key.split('/');
    if ((kind !== 'release' && kind !== 'release-report') || !isName(site) || !isName(device)) return undefined;
    const entry = this.entryOf({ site, device });
    if (!entry) return undefined;
    if (kind === 'release') entry.wanted = this.readWanted(record, entry.wanted);
    else entry.reported = readReport(record, entry.reported);
    return { site, device };
  }

  private learnRollout(id: string, record: StoredRecord): undefined {
    if (this.forgotten.has(id)) return;
    this.book.learn(record);
    const all = this.book.all();
    const old = all.filter((rollout, index) => index >= keptRollouts && !isUnderway(rollout));
    for (const rollout of old) {
      this.book.drop(rollout.id);
      this.forgotten.add(rollout.id);
    }
  }

  private entryOf(spoken: DeviceId): Entry | undefined {
    const key = deviceKey(spoken);
    const known = this.known.get(key);
    if (known || this.known.size >= this.maxDevices) return known;
    const entry: Entry = {};
    this.known.set(key, entry);
    return entry;
  }

  private readWanted({ value, appendedUs: atUs }: StoredRecord, before: WantedRelease | undefined): WantedRelease {
    if (value.byteLength === 0) return { atUs };
    const { id, release } = parseJson(value, desiredReleaseSchema, 'release');
    const version = this.versionOf(release.signed);
    // Several gateways may say the same.
    return before?.id === id && before.version === version ? before : { id, version, atUs };
  }

  private versionOf(signed: string): string {
    const known = this.versions.get(signed);
    if (known !== undefined) return known;
    const { version } = parseJson(Buffer.from(signed, 'utf8'), releaseManifestSchema, 'release');
    if (this.versions.size >= maxKnownManifests) this.versions.clear();
    this.versions.set(signed, version);
    return version;
  }
}

function readReport(
  { value, appendedUs }: StoredRecord,
  before: ReportedRelease | undefined,
): ReportedRelease | undefined {
  if (value.byteLength === 0) return undefined;
  const { id, version, status, reason } = parseJson(value, releaseReportSchema, 'release-report');
  const isSame = before?.id === id && before.version === version && before.status === status;
  const sinceUs = isSame ? before.sinceUs : appendedUs;
  return { id, version, status, reason: reason?.slice(0, maxReasonLength) ?? null, sinceUs };
}
