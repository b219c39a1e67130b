import type { Point } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';

/** Text may be long: this much of it ends a pack, far below what a payload may have. */
const maxTextLength = 64 * 1024;

export interface PackBufferOptions {
  readonly clock: Clock;
  /** A pack is cut this long after its first point. */
  readonly delayMs: number;
  /** A pack is cut when it has so many points. */
  readonly maxPoints: number;
  readonly onPack: (points: readonly Point[]) => void;
}

/** Gathers points into packs. */
export class PackBuffer {
  private gathered: Point[] = [];
  private textLength = 0;
  private seen = 0;
  private aborter: AbortController | undefined;

  constructor(private readonly options: PackBufferOptions) {}

  /** Append here, then call {@link grown}. Asked for anew each time. */
  get points(): Point[] {
    return this.gathered;
  }

  /** Points were appended: starts the delay of a new pack, cuts a full one. */
  grown(): void {
    const { gathered } = this;
    for (; this.seen < gathered.length; this.seen += 1) {
      const { value } = gathered[this.seen]!;
      if (typeof value === 'string') this.textLength += value.length;
    }
    if (gathered.length >= this.options.maxPoints || this.textLength >= maxTextLength) this.cut();
    else if (gathered.length > 0 && !this.aborter) void this.cutLater();
  }

  /** Ends the pack that is open, if one is. */
  cut(): void {
    this.aborter?.abort();
    this.aborter = undefined;
    if (this.gathered.length === 0) return;
    const points = this.gathered;
    this.gathered = [];
    this.seen = 0;
    this.textLength = 0;
    this.options.onPack(points);
  }

  private async cutLater(): Promise<void> {
    const aborter = (this.aborter = new AbortController());
    await this.options.clock.sleep(this.options.delayMs, aborter.signal);
    if (!aborter.signal.aborted) this.cut();
  }
}
