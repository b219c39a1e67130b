import type { ContractErrorCode } from '#core/contract/contract-error.js';

/** Why readings of a foreign message were not taken. A closed list: a metric label, and the reason of a dead letter. */
export type RefusedReason =
  | ContractErrorCode
  /** A value whose meaning was said in a message that did not come: it is asked for. */
  | 'unknown-metric'
  | 'not-finite'
  | 'text-too-long'
  | 'bad-time'
  | 'sensor-limit'
  | 'device-limit'
  | 'unknown-device'
  | 'own-device'
  | 'device-retired'
  | 'rejected'
  | 'retained';

export interface RefusedReadings {
  readonly reason: RefusedReason;
  readonly detail: string;
  readonly readings: number;
}

/** These are dropped and counted; of all others the message becomes a dead letter. */
const onlyCounted: ReadonlySet<RefusedReason> = new Set(['rejected', 'retained']);

export function isKept({ reason }: RefusedReadings): boolean {
  return !onlyCounted.has(reason);
}
