const maxRanges = 16;

/**
 * The times for which points have been handed out, so that none is handed out twice. Kept as a few ranges, a new one
 * after each jump of time; when there are too many the two oldest grow together, which only makes more readings late.
 */
export class ClosedWindows {
  private readonly ranges: { fromUs: number; untilUs: number }[] = [];
  private latestUs = -Infinity;

  has(timeUs: number): boolean {
    if (timeUs >= this.latestUs) return false;
    return this.ranges.some(({ fromUs, untilUs }) => timeUs >= fromUs && timeUs < untilUs);
  }

  /** Whether something was handed out between the two. */
  crosses(fromUs: number, toUs: number): boolean {
    if (fromUs >= this.latestUs) return false;
    return this.ranges.some((range) => range.fromUs < toUs && range.untilUs > fromUs);
  }

  /** A range that begins within `joinUs` of the last one's end belongs to that; by default one of its own width. */
  add(fromUs: number, untilUs: number, joinUs = untilUs - fromUs): void {
    this.latestUs = Math.max(this.latestUs, untilUs);
    const newest = this.ranges.at(-1);
    if (newest && fromUs >= newest.fromUs && fromUs <= newest.untilUs + joinUs) {
      newest.untilUs = Math.max(newest.untilUs, untilUs);
    } else {
      this.ranges.push({ fromUs, untilUs });
    }
    if (this.ranges.length > maxRanges) this.joinOldest();
  }

  private joinOldest(): void {
    const [first, second] = this.ranges.splice(0, 2) as [
      { fromUs: number; untilUs: number },
      { fromUs: number; untilUs: number },
    ];
    this.ranges.unshift({
      fromUs: Math.min(first.fromUs, second.fromUs),
      untilUs: Math.max(first.untilUs, second.untilUs),
    });
  }
}
