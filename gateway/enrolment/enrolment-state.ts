import type { EnrolmentCredential } from '#core/contract/credentials.js';

/** `waiting`: nobody has shown it; `bound`: it gave a certificate, which has not spoken yet; `used`: which has. */
export type EnrolmentState = 'waiting' | 'bound' | 'used' | 'expired' | 'revoked';

/** `revokedUs`: until when everything of the owner is revoked. */
export function stateOf(enrolment: EnrolmentCredential, nowUs: number, revokedUs = -Infinity): EnrolmentState {
  const { usedUs, bound, createdUs, expiresUs } = enrolment;
  if (enrolment.revokedUs !== undefined) return 'revoked';
  if (usedUs !== undefined) return 'used';
  if (Math.max(createdUs, bound?.us ?? -Infinity) <= revokedUs) return 'revoked';
  if (nowUs > expiresUs) return 'expired';
  return bound ? 'bound' : 'waiting';
}

/** Whether it may still be used, as far as it tells itself. */
export function isOpen(enrolment: EnrolmentCredential, nowUs: number): boolean {
  const state = stateOf(enrolment, nowUs);
  return state === 'waiting' || state === 'bound';
}
