import { z } from 'zod';
import { releaseReportSchema } from '#core/contract/release.js';

const { id, version, status, reason } = releaseReportSchema.shape;

/** What became of a desired release; the uplink adds what runs, session and time. */
export const releaseOutcomeSchema = z.object({ id, version, status, reason });
export type ReleaseOutcome = z.infer<typeof releaseOutcomeSchema>;

/**
 * What must outlive the process, and other versions of this program read too: a field may come, and none may go or change.
 */
export const upgradeStateSchema = z.looseObject({
  /** What is reported on each connection; null before the first. */
  outcome: releaseOutcomeSchema.nullable(),
  /** How earlier ones ended, the newest last: none is tried again under its id. */
  settled: z.array(releaseOutcomeSchema),
  /** Handed to the guard, which has not answered yet. */
  staged: z.object({ nonce: z.string(), id, version, starts: z.int().nonnegative() }).nullable(),
  /** How long the release on trial has run, in all its starts. */
  trial: z.object({ nonce: z.string(), usedMs: z.number().nonnegative() }).nullable(),
});
export type UpgradeState = z.infer<typeof upgradeStateSchema>;

export const noUpgradeYet: UpgradeState = { outcome: null, settled: [], staged: null, trial: null };

const rememberedOutcomes = 32;

/** The state after an upgrade has come to its end. */
export function settled(state: UpgradeState, outcome: ReleaseOutcome): UpgradeState {
  const others = state.settled.filter((one) => one.id !== outcome.id || one.version !== outcome.version);
  return { ...state, outcome, settled: [...others, outcome].slice(-rememberedOutcomes), staged: null, trial: null };
}
