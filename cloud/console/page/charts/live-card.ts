import type { App } from '../app.js';
import type { SeriesRow } from '../api/types.js';
import { formatValue, unitSymbol } from '../model/format.js';
import { shortNames } from '../model/series-groups.js';
import { liveWidthMs } from '../model/track-shape.js';
import { chartsHash } from '../model/url-state.js';
import type { LiveTracks } from '../state/live-tracks.js';
import { h, setText } from '../ui/h.js';
import { icon } from '../ui/icon.js';
import type { Line } from './line.js';
import { Plot } from './plot.js';
import { swatch } from './swatch.js';
import { readingsAt, Tooltip } from './tooltip.js';

export interface LiveCardInput {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly SeriesRow[];
  readonly tracks: LiveTracks;
  /** The width of time shown, in milliseconds, once there is so much. */
  readonly windowMs: number;
  /** What a line that stands alone is called by; several are by what tells them apart. */
  readonly lone: 'device' | 'sensor';
}

/** A value older than this is shown as stale. */
const staleMs = 30_000;

/** A small chart of the last minutes that moves by itself, with the present values below it. */
export class LiveCard {
  readonly element: HTMLElement;
  readonly series: ReadonlySet<string>;
  private readonly lines: readonly Line[];
  private readonly values: readonly HTMLElement[];
  private readonly plot: Plot;
  private readonly tooltip = new Tooltip();

  constructor(
    private readonly app: App,
    private readonly input: LiveCardInput,
  ) {
    const { rows, tracks } = input;
    const names = rows.length === 1 ? [rows[0]![input.lone]] : shortNames(rows);
    this.series = new Set(rows.map(({ series }) => series));
    this.lines = rows.map(({ series, unit }, color) => ({
      key: series,
      name: names[color]!,
      unit,
      buffer: tracks.buffer(series),
      color,
    }));
    this.values = this.lines.map(() => h('b', { class: 'legend-value' }, '–'));
    const host = h('div', { class: 'plot' });
    this.element = this.build(host);
    this.plot = new Plot({
      host,
      lines: this.lines,
      palette: app.palette,
      frames: app.frames,
      onCursor: (timeMs, leftPx) => this.pointed(timeMs, leftPx),
    });
  }

  /** Draws the present: called when something came, and by the clock, so that silence shows as well. */
  refresh(): void {
    const toMs = this.app.presentMs();
    const nowMs = this.app.clock.nowUs() / 1000;
    const widthMs = liveWidthMs(this.input.tracks.oldestMs(), toMs, this.input.windowMs);
    this.plot.show({ fromMs: toMs - widthMs, toMs }, 0);
    for (const [index, line] of this.lines.entries()) this.showValue(line, this.values[index]!, nowMs);
  }

  dispose(): void {
    this.plot.dispose();
  }

  private build(host: HTMLElement): HTMLElement {
    const { title, unit, rows } = this.input;
    const href = chartsHash({ series: rows.map(({ series }) => series) });
    const label = `${title}: open in charts`;
    const open = h('a', { href, class: 'icon-button', 'aria-label': label, title: 'Open in charts' }, icon('open'));
    const heading = h('h3', null, title, ' ', h('small', null, unitSymbol(unit)));
    const legend = this.lines.map((line, index) =>
      h(
        'li',
        { class: 'legend-item' },
        swatch(line.color),
        h('span', { class: 'legend-name', title: line.key }, line.name),
        this.values[index],
      ),
    );
    const chart = h(
      'div',
      { class: 'plot-box plot-small', role: 'img', 'aria-label': this.label() },
      host,
      this.tooltip.element,
    );
    return h(
      'article',
      { class: 'card live-card' },
      h('header', { class: 'card-head' }, heading, open),
      chart,
      h('ul', { class: 'legend' }, ...legend),
    );
  }

  private label(): string {
    const minutes = Math.round(this.input.windowMs / 60_000);
    return `Chart of ${this.input.title}, the last ${minutes} minutes, of ${this.lines.map(({ name }) => name).join(', ')}`;
  }

  private showValue(line: Line, element: HTMLElement, nowMs: number): void {
    const { values } = line.buffer.track();
    const value = values.at(-1);
    setText(element, value === undefined || Number.isNaN(value) ? '–' : formatValue(value, line.unit));
    element.classList.toggle('stale', nowMs - line.buffer.lastMs > staleMs);
  }

  private pointed(timeMs: number | undefined, leftPx: number): void {
    if (timeMs === undefined) return this.tooltip.hide();
    this.tooltip.show(readingsAt(this.lines, timeMs, this.input.windowMs, 0), leftPx);
  }
}
