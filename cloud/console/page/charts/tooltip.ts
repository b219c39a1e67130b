import { formatValue } from '../model/format.js';
import { qualityOf } from '../model/point-buffer.js';
import { formatLocal, formatUtc } from '../model/times.js';
import { gapLimitMs, nearestIndex } from '../model/track-shape.js';
import { h, replace } from '../ui/h.js';
import type { Line } from './line.js';
import { swatch } from './swatch.js';

export interface Reading {
  readonly line: Line;
  readonly timeMs: number;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  /** A code of the point buffer; 0 is good. */
  readonly quality: number;
}

/** What each line reads at a time: its nearest point, if one is near enough. */
export function readingsAt(lines: readonly Line[], timeMs: number, widthMs: number, bucketMs: number): Reading[] {
  return lines.flatMap((line) => {
    const track = line.buffer.track();
    const near = Math.max(widthMs / 100, Math.min(gapLimitMs(track.times, bucketMs), widthMs / 20));
    const index = nearestIndex(track.times, timeMs, near);
    if (index < 0 || Number.isNaN(track.values[index])) return [];
    const { times, values, mins, maxs, qualities } = track;
    return [
      {
        line,
        timeMs: times[index]!,
        value: values[index]!,
        min: mins[index]!,
        max: maxs[index]!,
        quality: qualities[index]!,
      },
    ];
  });
}

const shownRows = 12;

/** The box beside the cursor of a chart. */
export class Tooltip {
  readonly element = h('div', { class: 'tooltip', hidden: true });

  /** Shows the readings at a place of the chart; none hides the box. */
  show(readings: readonly Reading[], leftPx: number): void {
    this.element.hidden = readings.length === 0;
    if (readings.length === 0) return;
    const timeUs = readings[0]!.timeMs * 1000;
    const rows = readings.slice(0, shownRows).map(row);
    const more = readings.length - rows.length;
    replace(
      this.element,
      h('div', { class: 'tooltip-time' }, formatLocal(timeUs), h('small', null, formatUtc(timeUs))),
      h('ul', null, ...rows),
      more > 0 && h('small', null, `and ${more} more`),
    );
    this.place(leftPx);
  }

  hide(): void {
    this.element.hidden = true;
  }

  /** Right of the cursor, or left of it where there is no room. */
  private place(leftPx: number): void {
    const room = this.element.parentElement!.clientWidth;
    const width = this.element.offsetWidth;
    const right = leftPx + 14;
    const left = right + width > room ? leftPx - 14 - width : right;
    this.element.style.transform = `translateX(${Math.max(0, Math.min(left, room - width))}px)`;
  }
}

function row({ line, value, min, max, quality }: Reading): HTMLElement {
  const band = Number.isNaN(min) ? '' : `${formatValue(min, line.unit)} … ${formatValue(max, line.unit)}`;
  return h(
    'li',
    null,
    swatch(line.color),
    h('span', { class: 'tooltip-name' }, line.name),
    h('b', null, formatValue(value, line.unit)),
    band !== '' && h('small', null, band),
    quality !== 0 && h('small', { class: 'tooltip-quality' }, qualityOf(quality).replace('-', ' ')),
  );
}

/** The readings as one sentence, for those who cannot see the box. */
export function spoken(readings: readonly Reading[]): string {
  if (readings.length === 0) return 'No readings here';
  const values = readings.slice(0, 5).map(({ line, value }) => `${line.name} ${formatValue(value, line.unit)}`);
  return `${formatLocal(readings[0]!.timeMs * 1000)}: ${values.join(', ')}`;
}
