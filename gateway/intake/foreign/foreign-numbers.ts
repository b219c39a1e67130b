import { createHash } from 'node:crypto';
import type { ForeignDevice } from './foreign-device.js';

/** The numbers of the packs of one batch. A replayed message has an epoch of its own, so that a second replay is the same. */
export class ForeignNumbers {
  readonly epoch: string;
  /** Those of the device's own epoch. */
  readonly own: number[] = [];
  private count = 0;

  constructor(
    private readonly device: ForeignDevice,
    private readonly replayOf: string | undefined,
  ) {
    this.epoch = replayOf === undefined ? device.epoch : replayEpoch(replayOf);
  }

  next(): number {
    const seq = this.replayOf === undefined ? this.device.takeSeq() : this.count;
    this.count += 1;
    if (this.replayOf === undefined) this.own.push(seq);
    return seq;
  }
}

/** The epoch of what a replayed dead letter becomes; `origin` is `<topic>/<partition>/<offset>`. */
export function replayEpoch(origin: string): string {
  return createHash('sha256').update(origin).digest('hex').slice(0, 32);
}
