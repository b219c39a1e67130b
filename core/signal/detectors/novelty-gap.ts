/** A pause this many times the usual interval is a gap. */
const gapIntervals = 20;
const memory = 1000;

/** Tells where a series pauses, by its own usual interval. */
export class NoveltyGap {
  private lastUs = NaN;
  private intervalUs = 0;
  private seen = 0;

  /** Whether a gap ends with a reading of this time. A clock that steps back makes none. */
  push(timeUs: number): boolean {
    const sinceUs = timeUs - this.lastUs;
    this.lastUs = timeUs;
    if (!(sinceUs > 0)) return false;
    if (this.seen > 0 && sinceUs > gapIntervals * this.intervalUs) return true;
    this.seen = Math.min(this.seen + 1, memory);
    this.intervalUs += (sinceUs - this.intervalUs) / this.seen;
    return false;
  }

  /** The clock was set by so many microseconds. */
  shift(byUs: number): void {
    this.lastUs += byUs;
  }
}
