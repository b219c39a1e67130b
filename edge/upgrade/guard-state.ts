import { readFile } from 'node:fs/promises';
import { writeDurably } from './durable-files.js';
import type { InboxPaths, InstalledPaths } from './layout.js';

/** Where the guard stands; see guard.sh. */
export type GuardStatus = 'applying' | 'beginning' | 'trial' | 'returning' | 'confirmed' | 'rolled-back' | 'refused';
const statuses: readonly string[] = [
  ...(['applying', 'beginning', 'trial', 'returning', 'confirmed', 'rolled-back', 'refused'] satisfies GuardStatus[]),
];

/** What the guard remembers of the newest upgrade. */
export interface GuardState {
  readonly status: GuardStatus;
  /** Tells one staging from another, of the same release even. */
  readonly nonce: string;
  readonly id: string;
  readonly version: string;
  readonly trialMs: number;
  readonly reason: string;
}

/** Undefined where the guard has done nothing yet, or where its line cannot be read. */
export async function readGuardState({ state }: InstalledPaths): Promise<GuardState | undefined> {
  const text = await readFile(state, 'utf8').catch(() => '');
  const [status = '', nonce, id, version, _previous, _tries, seconds, ...reason] = (text.split('\n')[0] ?? '').split(
    ' ',
  );
  if (!statuses.includes(status) || nonce === undefined || id === undefined || version === undefined) return undefined;
  const trialMs = Number(seconds) * 1000;
  return { status: status as GuardStatus, nonce, id, version, trialMs, reason: reason.join(' ') };
}

export interface Staging {
  readonly nonce: string;
  readonly id: string;
  readonly version: string;
  readonly trialMs: number;
}

/** From then on the guard may take what lies in the inbox. */
export function stage({ staged }: InboxPaths, { nonce, id, version, trialMs }: Staging): Promise<void> {
  return writeDurably(staged, `${nonce} ${id} ${version} ${Math.ceil(trialMs / 1000)}\n`);
}

/** Tells the guard that the release on trial may stay. */
export function markConfirmed({ confirmed }: InboxPaths, nonce: string): Promise<void> {
  return writeDurably(confirmed, `${nonce}\n`);
}

/** Tells the guard that it must go back. */
export function markFailed({ failed }: InboxPaths, nonce: string, reason: string): Promise<void> {
  return writeDurably(failed, `${nonce} ${reason.replaceAll(/[\r\n]+/g, ' ').slice(0, 400)}\n`);
}

/** Whether it is how an upgrade ended. */
export function isVerdict(status: GuardState['status']): status is 'confirmed' | 'rolled-back' | 'refused' {
  return status === 'confirmed' || status === 'rolled-back' || status === 'refused';
}
