/** 1, 2, 2.5 or 5 times a power of ten: the step that cuts `span` into about `parts`. */
export function niceStep(span: number, parts: number): number {
  const rough = span / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return step * power;
}

/**
 * The range of a y-axis for values from `min` to `max`: some room, rounded to even steps, so that a live chart does
 * not breathe with every reading. What is never negative does not get a range below zero, and a percentage none above 100.
 */
export function niceRange(min: number, max: number, unit: string): [number, number] {
  const flat = max - min < 1e-9 * Math.max(1, Math.abs(max));
  const room = flat ? Math.max(Math.abs(max) * 0.05, unit === '/' ? 0.05 : 0.5) : (max - min) * 0.06;
  const step = niceStep(max - min + 2 * room, 6);
  let low = Math.floor((min - room) / step) * step;
  let high = Math.ceil((max + room) / step) * step;
  if (min >= 0) low = Math.max(0, low);
  if (max <= 100 && (unit === '/100' || unit === '%RH' || unit === '%EL')) high = Math.min(100, high);
  if (high <= low) high = low + step;
  return [Number(low.toPrecision(12)), Number(high.toPrecision(12))];
}
