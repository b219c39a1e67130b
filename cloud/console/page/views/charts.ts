import type { App, View } from '../app.js';
import type { SeriesRow } from '../api/types.js';
import type { Scope } from '../model/scope.js';
import { groupByQuantity, quantityTitle } from '../model/series-groups.js';
import { readyValue } from '../model/loadable.js';
import { chartsHash, type ChartsState, type Route } from '../model/url-state.js';
import { formatCount } from '../model/format.js';
import { h, replace } from '../ui/h.js';
import { placeholder } from '../ui/table.js';
import { ChartBoard } from './chart-board.js';
import { ChartsToolbar } from './charts-toolbar.js';
import { SeriesPicker } from './series-picker.js';

type ChartsRoute = Extract<Route, { view: 'charts' }>;

/** Any series over any range. What is shown stands in the address, so that going back undoes a zoom. */
export function openCharts(app: App, route: ChartsRoute, scope: Scope): View {
  const page = new ChartsPage(app, route.state, scope);
  return {
    title: 'Charts',
    element: page.element,
    update: (next) => {
      if (next.view !== 'charts') return false;
      page.show(next.state);
      return true;
    },
  };
}

class ChartsPage {
  readonly element: HTMLElement;
  private readonly toolbar: ChartsToolbar;
  private readonly picker: SeriesPicker;
  private readonly board: ChartBoard;
  private readonly area = h('div', { class: 'charts-area' });

  constructor(
    private readonly app: App,
    private state: ChartsState,
    scope: Scope,
  ) {
    this.toolbar = new ChartsToolbar(app, (patch) => this.change(patch));
    this.picker = new SeriesPicker(app, scope, (series) => this.change({ series }, true));
    this.board = new ChartBoard(app, scope, {
      onZoom: ({ fromMs, toMs }) =>
        this.change({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }),
      onRemove: (series) => this.change({ series: this.state.series.filter((other) => other !== series) }, true),
    });
    const drawer = h(
      'details',
      { class: 'card picker-drawer', open: true },
      h('summary', null, 'Series'),
      this.picker.element,
    );
    if (matchMedia('(max-width: 899px)').matches && state.series.length > 0) drawer.open = false;
    const main = h('div', { class: 'charts-main' }, this.toolbar.element, this.area);
    this.element = h('div', { class: 'view charts' }, drawer, main);
    scope.add(app.fleet.series.follow(() => this.draw()));
    this.show(state);
  }

  show(state: ChartsState): void {
    this.state = state;
    this.toolbar.show(state);
    this.picker.show(state.series);
    this.draw();
  }

  private change(patch: Partial<ChartsState>, replaceStep = false): void {
    this.app.go(chartsHash({ ...this.state, ...patch }), replaceStep);
  }

  private draw(): void {
    const series = this.app.fleet.series.value;
    if (this.state.series.length === 0) {
      this.board.clear();
      return replace(this.area, this.suggestions(readyValue(series) ?? []));
    }
    if (series.state === 'loading') return;
    const known = new Map(readyValue(series)?.map((row) => [row.series, row]));
    this.board.show(
      this.state,
      this.state.series.map((key) => known.get(key) ?? unknownRow(key)),
    );
    if (this.area.firstElementChild !== this.board.element) replace(this.area, this.board.element);
  }

  private suggestions(rows: readonly SeriesRow[]): HTMLElement {
    const groups = groupByQuantity(rows).slice(0, 8);
    const buttons = groups.map(({ quantity, series }) => {
      const some = series.slice(0, 8).map((row) => row.series);
      const text = `${quantityTitle(quantity)} (${formatCount(series.length)})`;
      return h('button', { type: 'button', class: 'button', on: { click: () => this.change({ series: some }) } }, text);
    });
    const hint =
      rows.length === 0
        ? 'There are none yet: they come with the first device.'
        : 'Search for them in the list, or begin with one of these.';
    return h(
      'div',
      { class: 'card' },
      placeholder('Pick series to draw', hint),
      h('div', { class: 'suggestions' }, ...buttons),
    );
  }
}

/** A series of the address that no device has now; the store may still hold its readings. */
function unknownRow(series: string): SeriesRow {
  const [site = '', device = '', sensor = ''] = series.split('/');
  return { series, site, device, sensor, quantity: 'unknown', unit: '', labels: {}, last: null };
}
