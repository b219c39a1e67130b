import { wholeId } from '#core/contract/credentials.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { credentialRecord, issueToken, newToken } from '../identity/issue-token.js';

/**
 * Revokes whatever the device could show until now, and makes it a new token; resolves with that when the log has both.
 * Only its hash is kept, so it is told this once.
 */
export async function replaceCredential(
  device: DeviceId,
  { log, clock }: { readonly log: EventLog; readonly clock: Clock },
): Promise<{ token: string }> {
  const owner = deviceKey(device);
  const made = await newToken();
  const revokedUs = clock.nowUs();
  const first = [credentialRecord(owner, wholeId, { type: 'revoked', revokedUs })];
  await issueToken(owner, made, { log, createdUs: revokedUs + 1, label: 'replaced hardware', first });
  return { token: made.token };
}
