import type { StageSnapshot } from '#core/runtime/metrics.js';

/** Many parts of one kind as one stage: each stage's counters added up, in the order in which stages first appear. */
export function sumStages(snapshots: readonly StageSnapshot[]): StageSnapshot[] {
  const sums = new Map<string, StageSnapshot>();
  for (const snapshot of snapshots) {
    const so = sums.get(snapshot.stage);
    sums.set(snapshot.stage, so ? add(so, snapshot) : snapshot);
  }
  return [...sums.values()];
}

function add(a: StageSnapshot, b: StageSnapshot): StageSnapshot {
  const reasons: Record<string, number> = { ...a.reasons };
  for (const [reason, count] of Object.entries(b.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
  return {
    stage: a.stage,
    in: a.in + b.in,
    out: a.out + b.out,
    dropped: a.dropped + b.dropped,
    inFlight: a.inFlight + b.inFlight,
    reasons,
  };
}
