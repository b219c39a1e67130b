import type { App, View } from '../app.js';
import { LiveCard } from '../charts/live-card.js';
import type { Loadable } from '../model/loadable.js';
import type { Scope } from '../model/scope.js';
import { pickForOverview, type SeriesGroup } from '../model/series-groups.js';
import type { SeriesRow } from '../api/types.js';
import { LiveTracks } from '../state/live-tracks.js';
import { h, replace } from '../ui/h.js';
import { placeholder } from '../ui/table.js';
import { newestAlerts } from './newest-alerts.js';
import { buildPath } from './path.js';
import { buildTiles } from './tiles.js';

const windowMs = 5 * 60_000;
const pick = { charts: 6, perChart: 5, total: 50 };

/** The state of the line at one glance: figures, the path of a reading, charts that move, the newest alerts. */
export function openOverview(app: App, _route: unknown, scope: Scope): View {
  const charts = h('div', { class: 'chart-grid', 'aria-busy': 'true' }, ...skeletons());
  const aside = h('aside', { class: 'overview-alerts', 'aria-label': 'Newest alerts' }, newestAlerts(app, scope));
  const live = h('section', { class: 'overview-charts', 'aria-labelledby': 'live-title' });
  live.append(
    h('h2', { id: 'live-title', class: 'section-title' }, 'Live ', h('small', null, 'the last 5 minutes')),
    charts,
  );
  const element = h('div', { class: 'view overview' });
  element.append(buildTiles(app, scope), buildPath(app, scope), h('div', { class: 'overview-split' }, live, aside));
  const board = new Board(app, charts, scope);
  scope.add(app.fleet.series.follow((series) => board.offer(series)));
  return { title: 'Overview', element };
}

function skeletons(): HTMLElement[] {
  return Array.from({ length: 3 }, () => h('div', { class: 'card live-card skeleton', 'aria-hidden': 'true' }));
}

/** The grid of charts. It is built anew only when other series belong on it. */
class Board {
  private cards: LiveCard[] = [];
  private tracks: LiveTracks | undefined;
  private shown = '';

  constructor(
    private readonly app: App,
    private readonly grid: HTMLElement,
    private readonly scope: Scope,
  ) {
    scope.add(() => this.clear());
    scope.every(500, () => this.refresh());
    scope.add(app.theme.current.watch(() => this.refresh()));
    scope.add(app.live.on('back', () => void this.load()));
  }

  offer(series: Loadable<readonly SeriesRow[]>): void {
    if (series.state === 'loading') return;
    if (series.state === 'failed') return this.say(placeholder('The series cannot be read', series.message, 'failed'));
    const groups = pickForOverview(series.value, pick);
    if (groups.length === 0) return this.say(nothingYet());
    // Readings come and go: a chart stays as long as its series are there.
    const known = new Set(series.value.map((row) => row.series));
    const stands =
      this.cards.length >= groups.length && this.cards.every((card) => [...card.series].every((key) => known.has(key)));
    if (!stands) this.build(groups);
  }

  private say(message: HTMLElement): void {
    if (this.cards.length > 0) return;
    this.grid.removeAttribute('aria-busy');
    replace(this.grid, message);
  }

  private build(groups: readonly SeriesGroup[]): void {
    const key = groups.flatMap(({ series }) => series.map((row) => row.series)).join();
    if (key === this.shown) return;
    this.clear();
    this.shown = key;
    const { api, live } = this.app;
    const tracks = new LiveTracks({ api, live, series: key.split(','), capacity: 3000, perQuery: 10 });
    this.tracks = tracks;
    this.cards = groups.map(
      ({ title, unit, series }) =>
        new LiveCard(this.app, { title, unit, rows: series, tracks, windowMs, lone: 'device' }),
    );
    replace(this.grid, ...this.cards.map(({ element }) => element));
    this.grid.removeAttribute('aria-busy');
    tracks.follow((touched) => this.refresh(touched));
    void this.load();
  }

  private async load(): Promise<void> {
    const { tracks } = this;
    if (!tracks) return;
    const toUs = this.app.clock.nowUs();
    const request = { fromUs: toUs - windowMs * 1000, toUs: toUs + 60e6, tier: 'raw', limit: 2000 } as const;
    // Without history the charts begin now; the banner tells if the API is away.
    await tracks.load(request, true, this.scope.signal).catch(() => undefined);
    if (tracks === this.tracks) this.refresh();
  }

  private refresh(touched?: ReadonlySet<string>): void {
    for (const card of this.cards) if (!touched || [...card.series].some((key) => touched.has(key))) card.refresh();
  }

  private clear(): void {
    this.tracks?.end();
    for (const card of this.cards) card.dispose();
    this.cards = [];
  }
}

function nothingYet(): HTMLElement {
  const command = h('code', null, 'fieldline simulate smart-factory --sensors 100');
  return placeholder('No readings yet', h('span', null, 'Flash a device, or let simulated ones send: ', command));
}
