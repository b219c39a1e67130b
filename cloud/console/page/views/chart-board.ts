import type { App } from '../app.js';
import { ApiError } from '../api/client.js';
import type { QueryAnswer, SeriesRow } from '../api/types.js';
import type { Window } from '../charts/line.js';
import { ChartPanel } from '../charts/panel.js';
import { resolveSpan, tierMs, type Span } from '../model/ranges.js';
import type { Scope } from '../model/scope.js';
import { groupByUnit } from '../model/series-groups.js';
import type { ChartsState } from '../model/url-state.js';
import { LiveTracks } from '../state/live-tracks.js';
import { h, replace } from '../ui/h.js';
import { placeholder } from '../ui/table.js';
import { servedBy } from './served-by.js';

export interface BoardActions {
  readonly onZoom: (window: Window) => void;
  readonly onRemove: (series: string) => void;
}

/** Points asked for over all series: what a browser draws without effort. */
const totalPoints = 200_000;

/** The charts of the chosen series over the chosen range, kept up to date. */
export class ChartBoard {
  readonly element = h('div', { class: 'board' });
  private readonly status = h('div', { class: 'served' });
  private readonly panelHost = h('div', { class: 'panels' });
  private panels: ChartPanel[] = [];
  private tracks: LiveTracks | undefined;
  private state: ChartsState | undefined;
  private answer: QueryAnswer | undefined;
  private shown = '';
  private request = new AbortController();
  private drawnMs = 0;
  private loadedMs = 0;

  constructor(
    private readonly app: App,
    scope: Scope,
    private readonly actions: BoardActions,
  ) {
    this.element.append(this.status, this.panelHost);
    scope.add(() => this.clear());
    scope.every(1000, () => this.tick());
    scope.add(app.theme.current.watch(() => this.draw()));
    scope.add(app.live.on('back', () => void this.load()));
  }

  show(state: ChartsState, rows: readonly SeriesRow[]): void {
    const key = JSON.stringify([state.layout, rows.map(({ series, unit, quantity }) => [series, unit, quantity])]);
    const same = JSON.stringify(state) === JSON.stringify(this.state);
    this.state = state;
    if (key !== this.shown) this.build(rows, key);
    else if (same) return;
    void this.load();
  }

  clear(): void {
    this.request.abort();
    this.tracks?.end();
    for (const panel of this.panels) panel.dispose();
    this.panels = [];
    this.tracks = this.answer = undefined;
    this.shown = '';
  }

  private build(rows: readonly SeriesRow[], key: string): void {
    const keep = this.answer;
    this.clear();
    this.shown = key;
    this.answer = keep;
    const { api, live } = this.app;
    const series = rows.map((row) => row.series);
    const tracks = new LiveTracks({ api, live, series, capacity: 2 * this.limit(series.length) });
    this.tracks = tracks;
    const groups = this.state?.layout === 'overlay' ? [overlay(rows)] : groupByUnit(rows);
    this.panels = groups.map((group) => {
      const { onZoom, onRemove } = this.actions;
      return new ChartPanel(this.app, {
        title: group.title,
        rows: group.series,
        tracks,
        syncKey: 'charts',
        onZoom,
        onRemove,
      });
    });
    replace(this.panelHost, ...this.panels.map(({ element }) => element));
    tracks.follow(() => this.drawSoon());
  }

  private limit(series: number): number {
    return Math.max(500, Math.min(5000, Math.floor(totalPoints / series)));
  }

  private span(): Span | undefined {
    return this.state && resolveSpan(this.state.from, this.state.to, this.app.presentMs());
  }

  private async load(): Promise<void> {
    const { tracks, state } = this;
    const span = this.span();
    if (!tracks || !state || !span) return;
    this.request.abort();
    const { signal } = (this.request = new AbortController());
    this.loadedMs = performance.now();
    this.element.setAttribute('aria-busy', 'true');
    this.draw();
    try {
      const limit = this.limit(state.series.length);
      // Clocks of devices may be a little ahead: a live range takes what they stamped there as well.
      const toUs = (span.toMs + (span.live ? 60_000 : 0)) * 1000;
      const answer = await tracks.load(
        { fromUs: span.fromMs * 1000, toUs, tier: state.tier, limit },
        span.live,
        signal,
      );
      this.loaded(answer, limit);
      if (span.live) await tracks.loadOpenBuckets(span.toMs * 1000, signal);
      this.draw();
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    }
  }

  private loaded(answer: QueryAnswer, limit: number): void {
    this.answer = answer;
    this.element.removeAttribute('aria-busy');
    replace(this.status, ...servedBy(answer, limit, this.span()?.live ?? false));
    this.draw();
    for (const panel of this.panels) panel.refreshLegend();
  }

  private failed(error: unknown): void {
    this.element.removeAttribute('aria-busy');
    const message = error instanceof ApiError ? error.message : 'The answer cannot be read.';
    replace(this.status, placeholder('These readings cannot be shown', message, 'failed'));
  }

  /** Once a second: the window moves, what no live stream brings is asked for, and the figures are brought up to date. */
  private tick(): void {
    const span = this.span();
    if (!span?.live || !this.tracks) return;
    const sinceMs = performance.now() - this.loadedMs;
    const tier = this.answer?.tier ?? 'raw';
    if (tier !== 'raw' && sinceMs > (tier === '1m' ? 15_000 : 60_000)) return void this.load();
    if (tier === 'raw' && this.tracks.unfollowed.length > 0 && Math.round(sinceMs / 1000) % 3 === 0)
      void this.poll(span);
    this.draw();
    for (const panel of this.panels) panel.refreshLegend();
  }

  private async poll(span: Span): Promise<void> {
    const request = {
      fromUs: (span.toMs - 15_000) * 1000,
      toUs: (span.toMs + 60_000) * 1000,
      tier: 'raw',
      limit: 500,
    } as const;
    await this.tracks?.poll(request, this.request.signal).catch(() => undefined);
  }

  /** A live reading moves a wide window by less than a pixel: there it may wait. */
  private drawSoon(): void {
    const span = this.span();
    const everyMs = span ? Math.min(2000, (span.toMs - span.fromMs) / 1500) : 0;
    if (performance.now() - this.drawnMs >= everyMs) this.draw();
  }

  private draw(): void {
    const span = this.span();
    if (!span) return;
    this.drawnMs = performance.now();
    for (const panel of this.panels) panel.show(span, this.answer ? tierMs[this.answer.tier] : 0);
  }
}

/** All series in one chart, with an axis for each unit. */
function overlay(rows: readonly SeriesRow[]) {
  const groups = groupByUnit(rows);
  const title = groups.map((group) => group.title).join(', ');
  return { title: title.length > 60 ? `${rows.length} series` : title, series: rows };
}
