import type { Outbox, Thinner } from '../../../edge/outbox/outbox.js';
import { tracedEntry } from './traced-pack.js';

export interface OutboxUnderTest {
  readonly outbox: Outbox;
  /** Ends it as a kill would, and opens what is left. Absent where nothing is meant to be left. */
  readonly crash?: () => Promise<OutboxUnderTest>;
  readonly close: () => Promise<void>;
}

export interface OpenOptions {
  /** A budget that some 50 packs of 60 kB fill; otherwise one that the tests never fill. */
  readonly small?: boolean;
  readonly thinner?: Thinner;
}

export type OutboxOpener = (options?: OpenOptions) => Promise<OutboxUnderTest>;

/** Runs a case with an outbox of its own. */
export function withOutbox(
  open: OutboxOpener,
  use: (outbox: Outbox, under: OutboxUnderTest) => Promise<void>,
  options?: OpenOptions,
): () => Promise<void> {
  return async () => {
    const under = await open(options);
    try {
      await use(under.outbox, under);
    } finally {
      await under.close();
    }
  };
}

export const bigBytes = 60_000;

/** Appends packs of 60 kB with one reading each, named by their number here, until so many are in or it is full. */
export async function fill(outbox: Outbox, packs: number, name = 'r'): Promise<number[]> {
  const seqs: number[] = [];
  for (let i = 0; i < packs; i += 1) {
    seqs.push(...(await outbox.append([tracedEntry('data', [`${name}${i}`], bigBytes)])));
  }
  return seqs;
}

/** Offers and acknowledges everything that is pending; resolves with what was offered. */
export async function drain(outbox: Outbox) {
  const offered = [];
  for (;;) {
    const entries = [...(await outbox.offer('alert', 10)), ...(await outbox.offer('data', 10))];
    if (entries.length === 0) return offered;
    offered.push(...entries);
    await outbox.acknowledge(entries.map(({ seq }) => seq));
  }
}
