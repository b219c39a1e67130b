import type uPlot from 'uplot';
import { formatNumber, joined, measure, unitSymbol } from '../model/format.js';
import { axisTicks, axisTimes } from './axis-times.js';
import { scaleOf } from './line.js';
import type { Palette } from './palette.js';

export interface PlotOptionsInput {
  readonly width: number;
  readonly height: number;
  /** Each gets a y-axis; the first stands left, the others right. */
  readonly units: readonly string[];
  readonly palette: () => Palette;
  /** Plots with one key share the cursor. */
  readonly syncKey?: string | undefined;
  readonly zoom: boolean;
  readonly hooks: uPlot.Hooks.Arrays;
}

/** The frame of a chart: axes, grid, cursor and selection are uPlot's; the lines are painted by us in its `draw` hook. */
export function plotOptions(input: PlotOptionsInput): uPlot.Options {
  const { width, height, units, palette, syncKey, zoom, hooks } = input;
  return {
    width,
    height,
    ms: 1,
    padding: [10, units.length > 1 ? 0 : 14, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: zoom, y: false, setScale: false, dist: 6 },
      ...(syncKey !== undefined && { sync: { key: syncKey, scales: ['x', null] as [string, null], setSeries: false } }),
    },
    scales: { x: { time: true, ...explicit }, ...Object.fromEntries(units.map((unit) => [scaleOf(unit), explicit])) },
    series: [{}, ...units.map((unit) => ({ scale: scaleOf(unit), paths: () => null, points: { show: false } }))],
    axes: [timeAxis(palette), ...units.map((unit, index) => valueAxis(unit, index, units.length, palette))],
    hooks,
  };
}

/** The page sets the scales itself, to what the painted lines need. */
const explicit: uPlot.Scale = {
  auto: false,
  range: (_plot, min, max) => (min === null || max === null ? [0, 1] : [min, max]),
};

function timeAxis(palette: () => Palette): uPlot.Axis {
  return {
    stroke: () => palette().muted,
    font: palette().font,
    size: 30,
    gap: 6,
    space: (_plot, _axis, _min, _max, widthPx) => (widthPx < 520 ? 58 : 76),
    grid: { show: false },
    ticks: { stroke: () => palette().grid, width: 1, size: 4 },
    splits: (_plot, _axis, fromMs, toMs, stepMs) => axisTicks(fromMs, toMs, stepMs),
    values: (_plot, ticks, _axis, _space, stepMs) => axisTimes(ticks, stepMs),
  };
}

function valueAxis(unit: string, index: number, count: number, palette: () => Palette): uPlot.Axis {
  return {
    scale: scaleOf(unit),
    side: index === 0 ? 3 : 1,
    stroke: () => palette().muted,
    font: palette().font,
    gap: 6,
    space: (_plot, _axis, _min, _max, heightPx) => (heightPx > 180 ? 44 : 24),
    size: (_plot, labels) => axisSize(labels, palette().font),
    grid: index === 0 ? { stroke: () => palette().grid, width: 1 } : { show: false },
    ticks: { show: false },
    values: (_plot, ticks) => ticks.map((tick) => tickLabel(tick, unit)),
    ...(count > 1 && { label: unitSymbol(unit) || unit, labelSize: 20, labelGap: 0, labelFont: palette().font }),
  };
}

/** The number alone; bytes with their prefix, which differs from tick to tick. */
function tickLabel(tick: number, unit: string): string {
  return unit === 'B' || unit === 'B/s' ? joined(measure(tick, unit, 5)) : formatNumber(tick);
}

let measuring: CanvasRenderingContext2D | null | undefined;

/** Wide enough for the longest label, in steps, so that the plot does not jitter as the numbers change. */
function axisSize(labels: readonly string[] | null | undefined, font: string): number {
  measuring ??= document.createElement('canvas').getContext('2d');
  if (!measuring || !labels) return 46;
  measuring.font = font;
  const widest = Math.max(...labels.map((label) => measuring!.measureText(String(label)).width), 0);
  return Math.max(46, 8 * Math.ceil((widest + 14) / 8));
}
