import { z } from 'zod';
import { epochSchema, nameSchema, type DeviceId } from '#core/contract/names.js';
import type { CompletenessSince, PackMark } from '#core/contract/rollout.js';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import { rangesOf } from './device-view.js';
import type { Fleet } from './fleet.js';
import type { Ledger, LedgerCache } from './ledger-cache.js';
import { parseParameters } from './parameters.js';
import { ProblemError } from './problem.js';

const parameters = z.object({
  site: nameSchema,
  device: nameSchema,
  epoch: epochSchema.optional(),
  since: z
    .string()
    .regex(/^-1$|^\d{1,15}$/, 'not a pack number')
    .transform(Number)
    .default(-1),
});

/**
 * Counts the packs behind `since.seq`, the last one that a device had made in `since.epoch`; in another epoch all of them.
 * Undefined for a device that never told of its outbox. Throws RetryableError `unavailable` while the store is away.
 */
export async function completenessSince(
  device: DeviceId,
  since: PackMark,
  { fleet, ledger }: { readonly fleet: Fleet; readonly ledger: Pick<LedgerCache, 'get'> },
): Promise<CompletenessSince | undefined> {
  return countSince(device, since, fleet, await ledger.get());
}

/** The same, of a ledger that was read. */
export function countSince(
  device: DeviceId,
  since: PackMark,
  fleet: Fleet,
  ledger: Ledger,
): CompletenessSince | undefined {
  const owner = fleet.registrations.ownerOf(device, Infinity);
  const outbox = fleet.device(owner)?.outbox();
  if (!outbox) return undefined;
  const { session, epoch } = outbox;
  const ranges = rangesOf(fleet.registrations.namesOf(owner), epoch, ledger);
  const lastSeq = Math.max(outbox.lastSeq, ranges?.highest ?? -1);
  const from = since.epoch === epoch ? since.seq + 1 : 0;
  const gaps = lastSeq < from ? [] : (ranges?.missing(from, lastSeq) ?? [[from, lastSeq] as const]);
  const missing = gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const expected = Math.max(0, lastSeq - from + 1);
  const firstMissing = gaps[0]?.[0] ?? null;
  return { session, epoch, lastSeq, received: expected - missing, expected, firstMissing, holds: missing === 0 };
}

/** `GET /api/v1/completeness?site=&device=[&epoch=&since=]` */
export function completenessRoute(api: ApiContext): Route {
  return async (c) => {
    const { site, device, epoch, since } = parseParameters(parameters, queryOf(c));
    const found = await completenessSince({ site, device }, { epoch, seq: since }, api);
    if (!found) throw new ProblemError(404, 'not-found', `${site}/${device} has told nothing of its packs.`);
    return answerJson(found);
  };
}
