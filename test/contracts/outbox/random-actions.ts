import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryOutbox } from '../../../edge/outbox/memory-outbox.js';
import type { Lane, Outbox } from '../../../edge/outbox/outbox.js';
import type { OutboxOpener } from './harness.js';
import { OutboxOracle } from './oracle.js';
import { seqsOf, tracedEntry, tracedThinner } from './traced-pack.js';

const lane = fc.constantFrom<Lane>('data', 'data', 'data', 'alert');
const order = fc.constantFrom<'oldest' | 'newest-session'>('oldest', 'newest-session');

const append = fc.record({ do: fc.constant('append' as const), lanes: fc.array(lane, { minLength: 1, maxLength: 5 }) });
const offer = fc.record({ do: fc.constant('offer' as const), lane, max: fc.integer({ min: 0, max: 8 }), order });
/** Which of the packs that wait for their receipt: each bit decides for one. */
const acknowledge = fc.record({ do: fc.constant('acknowledge' as const), which: fc.nat(2 ** 16) });
const resend = fc.record({ do: fc.constant('resend' as const), from: fc.nat(40), length: fc.nat(20) });
const simple = fc.constantFrom<{ do: 'rewind' | 'restart' }>({ do: 'rewind' }, { do: 'rewind' }, { do: 'restart' });
const harsh = fc.oneof(
  fc.record({ do: fc.constant('fill' as const), packs: fc.integer({ min: 1, max: 40 }), offered: fc.boolean() }),
  fc.record({ do: fc.constant('crash' as const), meanwhile: fc.nat(3) }),
);

const gentle = fc.oneof(append, append, append, offer, offer, offer, acknowledge, acknowledge, resend, simple);

type Value<T> = T extends fc.Arbitrary<infer V> ? V : never;
export type Action = Value<typeof gentle> | Value<typeof harsh>;

/** Sequences of actions, the same for every implementation. */
export function randomCases(open: OutboxOpener, { durable, runs }: { durable: boolean; runs: number }): void {
  it('does what the model in memory does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(gentle, { maxLength: 60 }), (actions) => agreesWithModel(open, actions)),
      { numRuns: runs },
    );
  });

  it('gives no number twice, leaves no gap, and loses nothing but what it counts', async () => {
    const actions = fc.array(fc.oneof({ weight: 6, arbitrary: gentle }, { weight: 1, arbitrary: harsh }), {
      minLength: 5,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(actions, async (list) => {
        const oracle = new OutboxOracle(await open({ small: true }), durable);
        try {
          for (const action of list) await oracle.perform(action);
          await oracle.settleAll();
        } finally {
          await oracle.close();
        }
      }),
      { numRuns: runs },
    );
  });
}

async function agreesWithModel(open: OutboxOpener, actions: readonly Action[]): Promise<void> {
  const { outbox, close } = await open();
  try {
    const model = new MemoryOutbox({ maxBytes: 1e9, thinner: tracedThinner, random: randomBytes });
    await model.start();
    const waiting = new Set<number>();
    for (const action of actions) {
      const perform = (it: typeof outbox) => performGently(it, action, [...waiting]);
      const [real, wanted] = [await perform(outbox), await perform(model)];
      expect(real).toEqual(wanted);
      if (action.do === 'offer') for (const seq of wanted ?? []) waiting.add(seq);
      if (action.do === 'acknowledge') for (const seq of chosen(action.which, waiting)) waiting.delete(seq);
      expect({ ...outbox.status(), bytes: 0 }).toEqual(model.status());
    }
  } finally {
    await close();
  }
}

async function performGently(outbox: Outbox, action: Action, waiting: number[]) {
  switch (action.do) {
    case 'append':
      return outbox.append(action.lanes.map((entryLane) => tracedEntry(entryLane, ['x'])));
    case 'offer':
      return seqsOf(await outbox.offer(action.lane, action.max, action.order));
    case 'acknowledge':
      await outbox.acknowledge(chosen(action.which, waiting));
      return undefined;
    case 'resend':
      return outbox.resend(action.from, action.from + action.length);
    case 'rewind':
      outbox.rewind();
      return undefined;
    case 'restart':
      await outbox.stop(1000);
      await outbox.start();
      return undefined;
    case 'fill':
    case 'crash':
      throw new Error('not for the model');
  }
}

export function chosen(which: number, waiting: Iterable<number>): number[] {
  return [...waiting].filter((_, index) => (which >> (index % 16)) & 1);
}
