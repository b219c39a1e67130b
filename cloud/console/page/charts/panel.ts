import type { App } from '../app.js';
import type { SeriesRow } from '../api/types.js';
import { unitSymbol } from '../model/format.js';
import { shortNames } from '../model/series-groups.js';
import type { LiveTracks } from '../state/live-tracks.js';
import { h } from '../ui/h.js';
import { LegendTable } from './legend-table.js';
import type { Line, Window } from './line.js';
import { Plot } from './plot.js';
import { readingsAt, spoken, Tooltip } from './tooltip.js';

export interface PanelInput {
  readonly title: string;
  /** Several units get an axis each. */
  readonly rows: readonly SeriesRow[];
  readonly tracks: LiveTracks;
  readonly syncKey: string;
  readonly onZoom: (window: Window) => void;
  readonly onRemove?: (series: string) => void;
}

/** A large chart with its legend: zoomed by dragging, or by + and − when it has the focus. */
export class ChartPanel {
  readonly element: HTMLElement;
  private readonly lines: readonly Line[];
  private readonly plot: Plot;
  private readonly tooltip = new Tooltip();
  private readonly legend: LegendTable;
  private window: Window = { fromMs: 0, toMs: 1 };
  private bucketMs = 0;
  private cursorMs: number | undefined;

  constructor(
    private readonly app: App,
    private readonly input: PanelInput,
  ) {
    const names = shortNames(input.rows);
    this.lines = input.rows.map(({ series, unit }, color) => ({
      key: series,
      name: names[color]!,
      unit,
      buffer: input.tracks.buffer(series),
      color,
    }));
    const host = h('div', { class: 'plot' });
    this.plot = new Plot({
      host,
      lines: this.lines,
      palette: app.palette,
      frames: app.frames,
      syncKey: input.syncKey,
      onCursor: (timeMs, leftPx, own) => this.pointed(timeMs, leftPx, own),
      onZoom: input.onZoom,
    });
    this.legend = new LegendTable(this.lines, input.title, {
      onToggle: (key, hidden) => this.plot.hide(key, hidden),
      onHighlight: (key) => this.plot.highlight(key),
      onRemove: input.onRemove,
    });
    this.element = this.build(host);
  }

  show(window: Window, bucketMs: number): void {
    this.window = window;
    this.bucketMs = bucketMs;
    this.plot.show(window, bucketMs);
  }

  /** Brings the legend's figures up to date: dearer than drawing, so called about once a second. */
  refreshLegend(): void {
    this.legend.refresh(this.window);
  }

  dispose(): void {
    this.plot.dispose();
  }

  private build(host: HTMLElement): HTMLElement {
    const units = [...new Set(this.lines.map(({ unit }) => unitSymbol(unit)))].filter((unit) => unit !== '');
    const heading = h('h2', null, this.input.title, ' ', h('small', null, units.join(', ')));
    const label = `Chart of ${this.input.title}: arrow keys move the cursor, plus and minus zoom`;
    const attributes = { class: 'plot-box plot-large', role: 'group', tabindex: 0, 'aria-label': label };
    const chart = h('div', { ...attributes, on: { keydown: (event) => this.key(event) } }, host, this.tooltip.element);
    return h(
      'section',
      { class: 'card panel' },
      h('header', { class: 'card-head' }, heading),
      chart,
      this.legend.element,
    );
  }

  private pointed(timeMs: number | undefined, leftPx: number, own: boolean): void {
    const keyboard = this.cursorMs !== undefined;
    if (timeMs === undefined || (!own && !keyboard)) return this.tooltip.hide();
    this.tooltip.show(this.readings(timeMs), leftPx);
  }

  private readings(timeMs: number) {
    const { fromMs, toMs } = this.window;
    return readingsAt(this.lines, timeMs, toMs - fromMs, this.bucketMs);
  }

  private key(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      '+': () => this.zoom(0.5),
      '=': () => this.zoom(0.5),
      '-': () => this.zoom(2),
      Escape: () => this.leave(),
    };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && this.cursorMs === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    step();
  }

  private step(direction: number): void {
    const { fromMs, toMs } = this.window;
    const from = this.cursorMs ?? (direction > 0 ? fromMs : toMs);
    this.cursorMs = Math.min(toMs, Math.max(fromMs, from + (direction * (toMs - fromMs)) / 60));
    this.plot.point(this.cursorMs);
    this.app.announcer.say(spoken(this.readings(this.cursorMs)));
  }

  private zoom(factor: number): void {
    const { fromMs, toMs } = this.window;
    const centre = this.cursorMs ?? toMs;
    const left = (centre - fromMs) * factor;
    const right = (toMs - centre) * factor;
    this.input.onZoom({ fromMs: centre - left, toMs: Math.min(centre + right, this.app.clock.nowUs() / 1000) });
  }

  private leave(): void {
    this.cursorMs = undefined;
    this.plot.point(undefined);
  }
}
