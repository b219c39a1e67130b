/** At this weight of the newest count all are put back into range, which takes a few microseconds. */
const greatestWeight = 2 ** 20;

/**
 * Counts that fade exponentially with every step, at a cost that does not depend on their number: the new ones grow
 * instead.
 */
export class FadingCounts {
  private readonly cells: Float32Array;
  private readonly growth: number;
  private weight = 1;

  /** `memory`: steps after which a count has faded to 1/e. */
  constructor(size: number, memory: number) {
    this.cells = new Float32Array(size);
    this.growth = 1 + 1 / memory;
  }

  get bytes(): number {
    return this.cells.byteLength;
  }

  /** Fades all counts by a step. */
  step(): void {
    this.weight *= this.growth;
    if (this.weight < greatestWeight) return;
    for (let i = 0; i < this.cells.length; i += 1) this.cells[i]! /= this.weight;
    this.weight = 1;
  }

  add(cell: number): void {
    this.cells[cell]! += this.weight;
  }

  at(cell: number): number {
    return this.cells[cell]! / this.weight;
  }
}
