import { randomFillSync } from 'node:crypto';
import type { SequenceRange } from '../../../core/contract/sequence-ranges.js';
import type { Entry, Lane, NewEntry, Thinner } from '../../../edge/outbox/outbox.js';

/** What a pack of these tests says of itself; the rest of it is padding that does not compress. */
export interface TracedPack {
  readonly seq: number;
  readonly epoch: string;
  /** Every reading has a name, so that a test can say where it went. */
  readonly readings: readonly string[];
  readonly replaces?: readonly SequenceRange[];
  readonly dropped?: number;
}

export function encodeTraced(pack: TracedPack, paddingBytes = 0): Uint8Array {
  const head = Buffer.from(`${JSON.stringify(pack)}\n`);
  return Buffer.concat([head, randomFillSync(Buffer.alloc(paddingBytes))]);
}

export function decodeTraced(payload: Uint8Array): TracedPack {
  const bytes = Buffer.from(payload);
  return JSON.parse(bytes.subarray(0, bytes.indexOf('\n')).toString()) as TracedPack;
}

export function tracedEntry(lane: Lane, readings: readonly string[], paddingBytes = 0): NewEntry {
  const encode = (seq: number, epoch: string) => encodeTraced({ seq, epoch, readings }, paddingBytes);
  return { lane, readings: readings.length, encode };
}

/** Keeps the names of all readings and a quarter of the bytes; a tombstone keeps their number alone. */
export const tracedThinner: Thinner = {
  thin(entries, replaces, seq, epoch) {
    const readings = entries.flatMap(({ payload }) => decodeTraced(payload).readings);
    const bytes = entries.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    return {
      payload: encodeTraced({ seq, epoch, readings, replaces }, Math.floor(bytes / 4)),
      readings: readings.length,
    };
  },
  tombstone(_reason, dropped, replaces, seq, epoch) {
    return encodeTraced({ seq, epoch, readings: [], replaces, dropped });
  },
  renumber({ payload }, seq, epoch) {
    const { replaces: _replaces, ...pack } = decodeTraced(payload);
    const padding = payload.byteLength - Buffer.from(payload).indexOf('\n') - 1;
    return encodeTraced({ ...pack, seq, epoch }, padding);
  },
};

/** A thinner for which there is nothing to thin. */
export const stubbornThinner: Thinner = { ...tracedThinner, thin: () => undefined };

export function seqsOf(entries: readonly Entry[]): number[] {
  return entries.map(({ seq }) => seq);
}
