import type uPlot from 'uplot';
import type { Track } from '../model/point-buffer.js';
import { gapLimitMs, traceLine, visible, type Projection } from '../model/track-shape.js';
import { scaleOf, type Line } from './line.js';
import { dashOf, paletteSize, type Palette } from './palette.js';

export interface PaintOptions {
  readonly palette: Palette;
  readonly bucketMs: number;
  /** The key of the line that stands out; the others fade. */
  readonly focus: string | undefined;
}

/** More marks than this say nothing more. */
const maxMarks = 400;

/** Draws the lines into the plot's area: bands below, lines, and marks of readings that are not good on top. */
export function paintLines(plot: uPlot, lines: readonly Line[], options: PaintOptions): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const ratio = devicePixelRatio || 1;
  for (const line of lines) paintLine(plot, line, options, ratio, lines.length);
  ctx.globalAlpha = 1;
  for (const line of lines) paintMarks(plot, line, options, ratio);
  ctx.restore();
}

function projection(plot: uPlot, unit: string): Projection {
  const [x, y] = [plot.scales['x']!, plot.scales[scaleOf(unit)]!];
  const { left, top, width, height } = plot.bbox;
  const perMs = width / (x.max! - x.min!);
  const perUnit = height / (y.max! - y.min!);
  return { x: (ms) => left + (ms - x.min!) * perMs, y: (value) => top + (y.max! - value) * perUnit };
}

function range(plot: uPlot, times: Float64Array): [number, number] {
  const { min, max } = plot.scales['x']!;
  return visible(times, min!, max!);
}

function paintLine(plot: uPlot, line: Line, options: PaintOptions, ratio: number, count: number): void {
  const track = line.buffer.track();
  const indices = range(plot, track.times);
  if (indices[1] <= indices[0]) return;
  const to = projection(plot, line.unit);
  const gapMs = gapLimitMs(track.times, options.bucketMs);
  const faded = options.focus !== undefined && options.focus !== line.key;
  const { ctx } = plot;
  ctx.strokeStyle = ctx.fillStyle = options.palette.series[line.color % paletteSize]!;
  if (count <= 12 && !faded) {
    ctx.globalAlpha = count <= 4 ? 0.16 : 0.08;
    ctx.fill(bandPath(track, indices, gapMs, to));
  }
  ctx.globalAlpha = faded ? 0.18 : 1;
  ctx.lineWidth = (count > 20 ? 1 : 1.6) * ratio;
  ctx.lineJoin = 'round';
  ctx.setLineDash(dashOf(line.color).map((length) => length * ratio));
  const path = new Path2D();
  traceLine(track, indices, gapMs, to, path);
  ctx.stroke(path);
  paintDots(plot, track, indices, gapMs, to, ratio);
}

/** The area between minima and maxima, piece by piece. */
function bandPath(track: Track, [first, end]: readonly [number, number], gapMs: number, to: Projection): Path2D {
  const { times, mins, maxs } = track;
  const path = new Path2D();
  let start = -1;
  for (let i = first; i <= end; i += 1) {
    const open = i < end && !Number.isNaN(mins[i]) && !Number.isNaN(maxs[i]);
    const joined = open && (start < 0 || times[i]! - times[i - 1]! <= gapMs);
    if (start >= 0 && !joined) {
      closePiece(path, track, start, i, to);
      start = -1;
    }
    if (open && start < 0) start = i;
  }
  return path;
}

function closePiece(path: Path2D, { times, mins, maxs }: Track, start: number, end: number, to: Projection): void {
  path.moveTo(to.x(times[start]!), to.y(maxs[start]!));
  for (let i = start + 1; i < end; i += 1) path.lineTo(to.x(times[i]!), to.y(maxs[i]!));
  for (let i = end - 1; i >= start; i -= 1) path.lineTo(to.x(times[i]!), to.y(mins[i]!));
  path.closePath();
}

/** Points that no line touches, and all points where they stand far apart. */
function paintDots(
  plot: uPlot,
  track: Track,
  [first, end]: readonly [number, number],
  gapMs: number,
  to: Projection,
  ratio: number,
): void {
  const { times, values } = track;
  const sparse = (end - first) * 18 * ratio < plot.bbox.width;
  if (end - first > 2000) return;
  const { ctx } = plot;
  ctx.beginPath();
  for (let i = first; i < end; i += 1) {
    const before = i > 0 && times[i]! - times[i - 1]! <= gapMs && !Number.isNaN(values[i - 1]);
    const after = i + 1 < times.length && times[i + 1]! - times[i]! <= gapMs && !Number.isNaN(values[i + 1]);
    if (Number.isNaN(values[i]) || (!sparse && (before || after))) continue;
    const [x, y] = [to.x(times[i]!), to.y(values[i]!)];
    ctx.moveTo(x + 2 * ratio, y);
    ctx.arc(x, y, 2 * ratio, 0, 2 * Math.PI);
  }
  ctx.fill();
}

/** A diamond on each reading whose quality is not good. */
function paintMarks(plot: uPlot, line: Line, { palette }: PaintOptions, ratio: number): void {
  const { times, values, qualities } = line.buffer.track();
  const [first, end] = range(plot, times);
  const to = projection(plot, line.unit);
  const { ctx } = plot;
  const size = 4.5 * ratio;
  let marks = 0;
  ctx.setLineDash([]);
  for (let i = end - 1; i >= first && marks < maxMarks; i -= 1) {
    if (qualities[i] === 0 || Number.isNaN(values[i])) continue;
    const [x, y] = [to.x(times[i]!), to.y(values[i]!)];
    ctx.beginPath();
    for (const [dx, dy] of [
      [0, -size],
      [size, 0],
      [0, size],
      [-size, 0],
    ] as const)
      ctx.lineTo(x + dx, y + dy);
    ctx.closePath();
    ctx.fillStyle = qualities[i] === 1 || qualities[i] === 6 ? palette.warn : palette.bad;
    ctx.strokeStyle = palette.surface;
    ctx.lineWidth = 1.5 * ratio;
    ctx.fill();
    ctx.stroke();
    marks += 1;
  }
}
