import { decodePack, encodePack } from '#core/contract/pack.js';
import { ContractError } from '#core/contract/contract-error.js';
import { codingOf } from '#core/contract/transfer-coding.js';
import type { Entry, Lane, Outbox } from '../outbox/outbox.js';
import type { DeviceClock } from './device-clock.js';

type PackClock = Pick<DeviceClock, 'heldFrom' | 'mayResolve' | 'asSent' | 'onNews'>;

/**
 * The outbox as the uplink sees it: packs whose time is not known wait, and get their true times before they leave.
 * Alerts do not wait, and are never changed, because they may have been sent already.
 */
export function holdingOutbox(outbox: Outbox, clock: PackClock): Outbox {
  const asSent = (entry: Entry): Entry =>
    clock.mayResolve(entry.seq) ? { ...entry, payload: sentPayload(entry.payload, clock) } : entry;
  return {
    get epoch() {
      return outbox.epoch;
    },
    start: () => outbox.start(),
    stop: (deadlineMs) => outbox.stop(deadlineMs),
    append: (entries) => outbox.append(entries),
    acknowledge: (seqs) => outbox.acknowledge(seqs),
    rewind: () => outbox.rewind(),
    resend: (from, to) => outbox.resend(from, to),
    ...(outbox.renew && { renew: () => outbox.renew!() }),
    async payloadOf(seq) {
      const payload = await outbox.payloadOf?.(seq);
      return payload && clock.mayResolve(seq) ? sentPayload(payload, clock) : payload;
    },
    status() {
      const status = outbox.status();
      const from = clock.heldFrom();
      const heldPacks = from === undefined ? 0 : Math.min(status.pendingPacks, Math.max(0, status.lastSeq + 1 - from));
      return { ...status, heldPacks };
    },
    async offer(lane: Lane, max: number, order?: 'oldest' | 'newest-session'): Promise<Entry[]> {
      if (lane === 'alert') return outbox.offer(lane, max, order);
      return (await outbox.offer(lane, max, order, clock.heldFrom())).map(asSent);
    },
    onAppend(listener) {
      const off = [outbox.onAppend(listener), clock.onNews(listener)];
      return () => off.forEach((undo) => undo());
    },
  };
}

/** The same bytes each time, in the transfer coding that the pack has. */
function sentPayload(payload: Uint8Array, clock: PackClock): Uint8Array {
  try {
    const pack = decodePack(payload);
    const sent = clock.asSent(pack);
    return sent === pack ? payload : encodePack(sent, pack.units, codingOf(payload));
  } catch (error) {
    // No data pack of ours.
    if (error instanceof ContractError) return payload;
    throw error;
  }
}
