import type { PointBuffer } from '../model/point-buffer.js';

/** One series in a chart. */
export interface Line {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  readonly buffer: PointBuffer;
  /** Its place in the palette. */
  readonly color: number;
}

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The name of a unit's scale in uPlot, which has an `x` of its own and takes no empty name. */
export function scaleOf(unit: string): string {
  return `y ${unit}`;
}

export function unitsOf(lines: readonly Line[]): string[] {
  return [...new Set(lines.map(({ unit }) => unit))];
}
