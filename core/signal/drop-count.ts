const nothing: ReadonlyMap<string, number> = new Map();

/** What a filter left out since it was last asked; asking costs nothing while nothing was. */
export class DropCount {
  private counts: Map<string, number> | undefined;

  add(reason: string): void {
    this.counts ??= new Map();
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }

  take(): ReadonlyMap<string, number> {
    const taken = this.counts ?? nothing;
    this.counts = undefined;
    return taken;
  }
}
