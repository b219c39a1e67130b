/**
 * What rounding may add to the error of a line between two points near these values, so that a bound on the error also
 * holds for the doubles that a reader computes with: the tolerance is narrowed by it.
 */
export function roundingMargin(startValue: number, value: number): number {
  return (Math.abs(startValue) + Math.abs(value)) * (16 * Number.EPSILON) + 16 * Number.MIN_VALUE;
}

/** A number of few decimal digits within [low, high] and `leeway` of `target`: it takes fewer bytes to send. */
export function shortestWithin(target: number, low: number, high: number, leeway: number): number {
  const [from, to] = [Math.max(low, target - leeway), Math.min(high, target + leeway)];
  // Half a unit of the last digit must not leave the interval, whose ends are no round numbers.
  const middle = from + (to - from) / 2;
  const needed = Math.floor(Math.log10(Math.abs(middle) / (to - from)));
  for (let digits = Math.min(17, Math.max(1, needed)); digits <= 17; digits += 1) {
    const rounded = Number(middle.toPrecision(digits));
    if (rounded >= from && rounded <= to) return rounded;
  }
  return Math.min(high, Math.max(low, target));
}
