import type { DeviceId } from '#core/contract/names.js';
import type { FleetReleases, ReportedRelease } from './fleet-releases.js';

/** What a device is to run, and what became of that, as the API shows it. */
export interface ReleaseView {
  /** Null: it is to keep what it has. */
  readonly wanted: { readonly id: string; readonly version: string; readonly sinceUs: number } | null;
  /** Null: it never said anything, as one that takes no releases. */
  readonly report: ReportedRelease | null;
  /** What it ran when the rollout of the report began; null if that is not known. */
  readonly from: string | null;
}

/** `spoken` is the name with which its hardware speaks now. Null if nobody said anything of it. */
export function viewRelease(spoken: DeviceId, releases: FleetReleases): ReleaseView | null {
  const report = releases.reported(spoken) ?? null;
  const { id, version, atUs: sinceUs } = releases.wanted(spoken) ?? { atUs: 0 };
  const wanted = id === undefined || version === undefined ? null : { id, version, sinceUs };
  if (!wanted && !report) return null;
  return { wanted, report, from: (report && releases.ranBefore(spoken, report.id)) ?? null };
}
