import { isUptimeStamp } from '#core/contract/uptime-stamps.js';

const remembered = 16;

/**
 * Sees to it that two readings of one channel never share a stamp: the later is moved by microseconds until it is alone.
 * Any number of equal or neighbouring stamps in a row are told apart; of out-of-order ones, those close behind.
 */
export class UniqueStamps {
  private latestUs = -Infinity;
  /** The microseconds from `runFromUs` to `runToUs` are all taken. */
  private runFromUs = NaN;
  private runToUs = NaN;
  private readonly recent = new Float64Array(remembered).fill(NaN);
  private next = 0;

  /** `timeUs`, or the first free microsecond behind it. */
  take(timeUs: number): number {
    let stampUs = timeUs;
    if (timeUs <= this.latestUs) {
      for (let free = false; !free;) {
        if (stampUs >= this.runFromUs && stampUs <= this.runToUs) stampUs = this.runToUs + 1;
        else if (this.recent.includes(stampUs)) stampUs += 1;
        else free = true;
      }
    }
    this.note(stampUs);
    return stampUs;
  }

  /** The time has become known: the stamps of a boot are meant so much later from now on. */
  resolve(byUs: number): void {
    if (!isUptimeStamp(this.latestUs)) return;
    this.latestUs += byUs;
    this.runFromUs += byUs;
    this.runToUs += byUs;
    for (let i = 0; i < remembered; i += 1) this.recent[i]! += byUs;
  }

  private note(stampUs: number): void {
    if (stampUs !== this.runToUs + 1) this.runFromUs = stampUs;
    this.runToUs = stampUs;
    if (stampUs > this.latestUs) this.latestUs = stampUs;
    this.recent[this.next] = stampUs;
    this.next = (this.next + 1) % remembered;
  }
}
