import type { App, View } from '../app.js';
import { LiveCard } from '../charts/live-card.js';
import type { SeriesRow } from '../api/types.js';
import { readyValue } from '../model/loadable.js';
import type { Scope } from '../model/scope.js';
import { groupByQuantity } from '../model/series-groups.js';
import type { Route } from '../model/url-state.js';
import { LiveTracks } from '../state/live-tracks.js';
import { h, replace } from '../ui/h.js';
import { placeholder } from '../ui/table.js';
import { deviceFacts } from './device-facts.js';
import { SensorTable } from './sensor-table.js';

const windowMs = 15 * 60_000;
const charts = { cards: 8, perCard: 6 };

type DeviceRoute = Extract<Route, { view: 'device' }>;

/** One device: what it says of itself, what of it is stored, its sensors with their last values, and their charts. */
export function openDevice(app: App, route: DeviceRoute, scope: Scope): View {
  const facts = h('div', { class: 'device-facts' }, h('div', { class: 'card skeleton' }));
  const grid = h('div', { class: 'chart-grid' });
  const sensors = new SensorTable(app);
  const head = h('p', { class: 'breadcrumb' }, h('a', { href: '#/devices' }, 'Devices'), ` / ${route.site}`);
  const sections = [
    section('Sensors', sensors.element),
    section('Live', grid, h('small', null, 'the last 15 minutes')),
  ];
  const page = new DevicePage(app, route, scope, { facts, grid, sensors });
  scope.add(app.fleet.devices.follow(() => page.showFacts()));
  scope.add(app.fleet.series.follow((series) => page.showSeries(readyValue(series))));
  return { title: route.device, element: h('div', { class: 'view device' }, head, facts, ...sections) };
}

function section(title: string, content: HTMLElement, ...more: HTMLElement[]): HTMLElement {
  return h('section', null, h('h2', { class: 'section-title' }, `${title} `, ...more), content);
}

interface Parts {
  readonly facts: HTMLElement;
  readonly grid: HTMLElement;
  readonly sensors: SensorTable;
}

class DevicePage {
  private tracks: LiveTracks | undefined;
  private cards: LiveCard[] = [];
  private shown = '';

  constructor(
    private readonly app: App,
    private readonly route: DeviceRoute,
    private readonly scope: Scope,
    private readonly parts: Parts,
  ) {
    scope.add(() => this.clear());
    scope.every(500, () => this.refresh());
    scope.every(3000, () => void this.pollValues());
    scope.every(5000, () => parts.sensors.refresh());
    scope.add(app.theme.current.watch(() => this.refresh()));
    scope.add(app.live.on('back', () => void this.load()));
  }

  showFacts(): void {
    const { site, device } = this.route;
    const view = this.app.fleet.device(site, device);
    if (view) return deviceFacts(this.app, this.parts.facts, view);
    if (this.app.fleet.devices.value.state === 'loading') return;
    const back = h('a', { href: '#/devices' }, 'See all devices');
    replace(
      this.parts.facts,
      placeholder('No such device', h('span', null, `${site}/${device} never announced itself. `, back)),
    );
  }

  showSeries(rows: readonly SeriesRow[] | undefined): void {
    const own = rows?.filter(({ site, device }) => site === this.route.site && device === this.route.device);
    if (!own) return;
    this.parts.sensors.update(own);
    const key = own.map(({ series }) => series).join();
    if (key !== this.shown) this.build(own, key);
  }

  private build(rows: readonly SeriesRow[], key: string): void {
    this.clear();
    this.shown = key;
    if (rows.length === 0)
      return replace(this.parts.grid, placeholder('No sensors yet', 'The device has not sent its catalogue.'));
    const groups = groupByQuantity(rows.filter(({ last }) => typeof last?.value !== 'string')).slice(0, charts.cards);
    const drawn = groups.map((group) => ({ ...group, series: group.series.slice(0, charts.perCard) }));
    const series = drawn.flatMap((group) => group.series.map((row) => row.series));
    const { api, live } = this.app;
    const tracks = new LiveTracks({
      api,
      live,
      series: [...new Set([...series, ...key.split(',')])].slice(0, 50),
      capacity: 4000,
      perQuery: 10,
    });
    this.tracks = tracks;
    this.cards = drawn.map(
      ({ title, unit, series: own }) =>
        new LiveCard(this.app, { title, unit, rows: own, tracks, windowMs, lone: 'sensor' }),
    );
    replace(this.parts.grid, ...this.cards.map(({ element }) => element));
    tracks.follow((touched) => this.refresh(touched));
    void this.load();
  }

  private async load(): Promise<void> {
    const { tracks } = this;
    if (!tracks) return;
    const toUs = this.app.clock.nowUs();
    const request = { fromUs: toUs - windowMs * 1000, toUs: toUs + 60e6, tier: 'raw', limit: 2000 } as const;
    await tracks.load(request, true, this.scope.signal).catch(() => undefined);
    this.refresh();
  }

  /** The last values of sensors beyond what the live stream carries. */
  private async pollValues(): Promise<void> {
    const { site, device } = this.route;
    if (this.shown.split(',').length <= 50) return;
    const filter = [
      ['site', site],
      ['device', device],
    ] as const;
    const rows = await this.app.api.series(filter, 2000, this.scope.signal).catch(() => undefined);
    if (rows) this.parts.sensors.update(rows);
  }

  private refresh(touched?: ReadonlySet<string>): void {
    for (const card of this.cards) if (!touched || [...card.series].some((key) => touched.has(key))) card.refresh();
    const { tracks } = this;
    if (!tracks || !touched) return;
    for (const key of touched) {
      const point = tracks.newest(key);
      if (point) this.parts.sensors.heard(point);
    }
  }

  private clear(): void {
    this.tracks?.end();
    for (const card of this.cards) card.dispose();
    this.cards = [];
  }
}
