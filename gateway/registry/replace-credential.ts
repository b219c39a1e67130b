import { randomBytes } from 'node:crypto';
import { credentialKey, tokenOf, wholeId, type Credential } from '#core/contract/credentials.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { hashToken } from '../identity/token-hash.js';

/**
 * Revokes whatever the device could show until now, and makes it a new token; resolves with that when the log has both.
 * Only its hash is kept, so it is told this once.
 */
export async function replaceCredential(
  device: DeviceId,
  { log, clock }: { readonly log: EventLog; readonly clock: Clock },
): Promise<{ token: string }> {
  const id = randomBytes(6).toString('hex');
  const token = tokenOf(id, randomBytes(32));
  const scrypt = await hashToken(token);
  const revokedUs = clock.nowUs();
  const record = (recordId: string, credential: Credential) => ({
    key: credentialKey(deviceKey(device), recordId),
    value: Buffer.from(JSON.stringify(credential)),
  });
  await log.append(logTopics.deviceEvents.name, [
    record(wholeId, { type: 'revoked', revokedUs }),
    record(id, { type: 'token', scrypt, createdUs: revokedUs + 1, label: 'replaced hardware' }),
  ]);
  return { token };
}
