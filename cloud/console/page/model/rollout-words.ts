import type { HeldDevice, RolloutProgress, StageView } from '../api/types.js';
import { formatCount, plural } from './format.js';

type DeviceState = HeldDevice['state'];

/** Which part of a stage's bar a state belongs to. */
export type Share = 'through' | 'busy' | 'failed' | 'aside' | 'waiting';

interface StateWords {
  readonly share: Share;
  readonly words: string;
}

/** In the order in which they are shown. */
const states: Readonly<Record<DeviceState, StateWords>> = {
  complete: { share: 'through', words: 'complete' },
  confirmed: { share: 'busy', words: 'confirmed, not complete' },
  trying: { share: 'busy', words: 'trying' },
  fetching: { share: 'busy', words: 'fetching' },
  announced: { share: 'busy', words: 'announced' },
  failed: { share: 'failed', words: 'rolled back or refused' },
  elsewhere: { share: 'aside', words: 'wanted to run another' },
  reverting: { share: 'aside', words: 'going back' },
  reverted: { share: 'aside', words: 'gone back' },
  waiting: { share: 'waiting', words: 'waiting' },
};

/** How many devices of a stage are in each state, without those in which none is. */
export function stageCounts({ states: counts }: StageView): { count: number; share: Share; words: string }[] {
  const entries = Object.entries(states) as [DeviceState, StateWords][];
  return entries.map(([state, how]) => ({ count: counts[state] ?? 0, ...how })).filter(({ count }) => count > 0);
}

/** The parts of a stage's bar, in order; they add up to its devices. */
export function stageShares(stage: StageView): { share: Share; count: number }[] {
  const sums = new Map<Share, number>();
  for (const { share, count } of stageCounts(stage)) sums.set(share, (sums.get(share) ?? 0) + count);
  return [...sums].map(([share, count]) => ({ share, count }));
}

/** A device that is not through, in a word or two. */
export function heldWords({ state, said, missing }: HeldDevice): string {
  if (state === 'failed') return said === 'refused' ? 'refused' : 'rolled back';
  if (state === 'confirmed' && missing !== null && missing > 0) return `${plural(missing, 'pack')} missing`;
  return states[state].words;
}

/** How it stands, in a sentence. */
export function rolloutSentence({ status, reason, reverts, stage, stages, devices }: RolloutProgress): string {
  if (status === 'done') return `Done: ${reason}.`;
  if (status === 'failed') return `No other device begins: ${reason}.`;
  if (status === 'aborted')
    return reverts
      ? 'Somebody ended it; devices that took it go back to what they ran before.'
      : 'Somebody ended it; devices keep what they have.';
  const through = (stages ?? []).reduce((sum, { states: counts }) => sum + (counts.complete ?? 0), 0);
  const complete = `${formatCount(through)} of ${plural(devices, 'device')} complete.`;
  if (status === 'paused') return `No further device begins. ${complete}`;
  return stage === -1
    ? `The first stage is about to open. ${complete}`
    : `Stage ${stage + 1} of ${stages?.length ?? 0} is open. ${complete}`;
}

export interface Order {
  readonly command: string;
  readonly what: string;
}

/** What an operator may type of a rollout now. The commands mean the newest one unless they are told. */
export function ordersOf({ status, id }: RolloutProgress, isNewest: boolean): Order[] {
  const of = (command: string): string => `fieldline fleet ${command}${isNewest ? '' : ` ${id}`}`;
  const orders: Record<'pause' | 'resume' | 'abort' | 'revert' | 'status', Order> = {
    pause: { command: of('pause'), what: 'lets no further device begin' },
    resume: { command: of('resume'), what: 'goes on' },
    abort: { command: of('abort'), what: 'ends it; devices keep what they have' },
    revert: { command: `${of('abort')} --revert`, what: 'takes devices back to what they ran before' },
    status: { command: of('status'), what: 'tells of each device that is not through' },
  };
  if (status === 'running') return [orders.pause, orders.abort, orders.revert, orders.status];
  if (status === 'paused') return [orders.resume, orders.abort, orders.revert, orders.status];
  return [orders.revert, orders.status];
}
