import type { App } from '../app.js';
import type { SeriesRow } from '../api/types.js';
import { formatCount, formatValue } from '../model/format.js';
import type { Loadable } from '../model/loadable.js';
import type { Scope } from '../model/scope.js';
import { matchesSeries, quantityTitle } from '../model/series-groups.js';
import { maxChartSeries } from '../model/url-state.js';
import { searchField } from '../ui/field.js';
import { h, replace, setText } from '../ui/h.js';

const listed = 120;

/** A list of all series to choose from, found by words of their name, quantity, unit or labels. */
export class SeriesPicker {
  readonly element: HTMLElement;
  private readonly list = h('div', { class: 'picker-list', role: 'group', 'aria-label': 'Series' });
  private readonly status = h('p', { class: 'picker-status', role: 'status' });
  private readonly all = h(
    'button',
    { type: 'button', class: 'button small', on: { click: () => this.addAll() } },
    'Add all',
  );
  private chosen: readonly string[] = [];
  private found: readonly SeriesRow[] = [];
  private query = '';

  constructor(
    private readonly app: App,
    scope: Scope,
    private readonly onChange: (series: readonly string[]) => void,
  ) {
    const search = searchField('Find series', '', (query) => {
      this.query = query;
      this.draw();
    });
    this.list.addEventListener('keydown', (event) => moveFocus(this.list, event));
    const foot = h('div', { class: 'picker-foot' }, this.status, this.all);
    this.element = h('div', { class: 'picker' }, search, this.list, foot);
    scope.add(app.fleet.series.follow(() => this.draw()));
  }

  show(chosen: readonly string[]): void {
    this.chosen = chosen;
    this.draw();
  }

  private draw(): void {
    const series = this.app.fleet.series.value;
    if (series.state !== 'ready') return this.waiting(series);
    this.found = series.value.filter((row) => matchesSeries(row, this.query));
    const chosen = this.found.filter((row) => this.isChosen(row));
    const others = this.found.filter((row) => !this.isChosen(row)).slice(0, listed);
    const focused = (document.activeElement as HTMLInputElement | null)?.value;
    replace(this.list, ...this.groups(chosen, others));
    const again = this.list.querySelector<HTMLInputElement>(`input[value="${CSS.escape(focused ?? '')}"]`);
    if (focused && again) again.focus();
    setText(this.status, this.summary(chosen.length + others.length));
    const addable = this.found.length - chosen.length;
    this.all.hidden = this.query === '' || addable === 0;
    setText(this.all, `Add all ${formatCount(Math.min(addable, maxChartSeries - this.chosen.length))}`);
  }

  private waiting(series: Loadable<unknown>): void {
    replace(this.list, h('p', { class: 'muted pad' }, series.state === 'failed' ? series.message : 'Loading…'));
  }

  private summary(shown: number): string {
    if (this.found.length === 0) return this.query === '' ? 'No series yet' : 'Nothing found';
    const more = this.found.length > shown ? `, first ${shown} shown` : '';
    return `${formatCount(this.found.length)} series${more}`;
  }

  private isChosen({ series }: SeriesRow): boolean {
    return this.chosen.includes(series);
  }

  private groups(chosen: readonly SeriesRow[], others: readonly SeriesRow[]): HTMLElement[] {
    const devices = new Map<string, SeriesRow[]>();
    for (const row of others) {
      const name = `${row.site} / ${row.device}`;
      devices.set(name, [...(devices.get(name) ?? []), row]);
    }
    const shown = chosen.length > 0 ? [this.group('Shown', chosen, true)] : [];
    return [...shown, ...[...devices].map(([name, rows]) => this.group(name, rows, false))];
  }

  private group(name: string, rows: readonly SeriesRow[], withDevice: boolean): HTMLElement {
    const entries = rows.map((row) => this.entry(row, withDevice));
    return h('div', { role: 'group', 'aria-label': name }, h('p', { class: 'picker-group' }, name), ...entries);
  }

  private entry(row: SeriesRow, withDevice: boolean): HTMLElement {
    const input = h('input', { type: 'checkbox', value: row.series, checked: this.isChosen(row) });
    input.addEventListener('change', () => this.toggle(row.series, input.checked));
    const detail = withDevice ? `${row.site} / ${row.device}` : quantityTitle(row.quantity);
    const text = h('span', { class: 'picker-text' }, h('span', null, row.sensor), h('small', null, detail));
    const value = h('span', { class: 'picker-value' }, formatValue(row.last?.value, row.unit));
    return h('label', { class: 'picker-entry', title: row.series }, input, text, value);
  }

  private toggle(series: string, on: boolean): void {
    const rest = this.chosen.filter((other) => other !== series);
    this.onChange(on ? [...rest, series].slice(0, maxChartSeries) : rest);
  }

  private addAll(): void {
    const more = this.found.map(({ series }) => series).filter((series) => !this.chosen.includes(series));
    this.onChange([...this.chosen, ...more].slice(0, maxChartSeries));
  }
}

function moveFocus(list: HTMLElement, event: KeyboardEvent): void {
  const direction = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (direction === undefined) return;
  const inputs = [...list.querySelectorAll<HTMLInputElement>('input')];
  const next = inputs[inputs.indexOf(event.target as HTMLInputElement) + direction];
  event.preventDefault();
  next?.focus();
}
