/** Hands on what came within `gatherMs` at once: a burst of a thousand events draws the page once. */
export class Gatherer<T> {
  private gathered: T[] = [];

  constructor(
    private readonly gatherMs: number,
    private readonly handOn: (items: readonly T[]) => void,
  ) {}

  add(item: T): void {
    this.gathered.push(item);
    if (this.gathered.length > 1) return;
    setTimeout(() => {
      const items = this.gathered;
      this.gathered = [];
      this.handOn(items);
    }, this.gatherMs);
  }
}
