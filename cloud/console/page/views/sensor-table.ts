import type { App } from '../app.js';
import type { LivePoint, SeriesRow } from '../api/types.js';
import { formatValue, unitSymbol } from '../model/format.js';
import { quantityTitle } from '../model/series-groups.js';
import { chartsHash } from '../model/url-state.js';
import { badge, qualityBadge } from '../ui/badges.js';
import { h, type Child } from '../ui/h.js';
import { DataTable, type TableColumn } from '../ui/table.js';
import { ageElement } from '../ui/time.js';

/** The sensors of one device with their last values, as they come. */
export class SensorTable {
  readonly element: HTMLElement;
  private readonly rows = new Map<string, SeriesRow>();
  private readonly table: DataTable<SeriesRow>;
  private readonly draw = (): void => this.table.update([...this.rows.values()]);

  constructor(private readonly app: App) {
    this.table = new DataTable<SeriesRow>({
      caption: 'Sensors and their last values',
      columns: columns(app),
      keyOf: ({ series }) => series,
      fingerprint: ({ last, unit, labels: own }) => JSON.stringify([last, unit, own, isStale(last, app.clock.nowUs())]),
      onOpen: ({ series }) => app.go(chartsHash({ series: [series] })),
      sort: { key: 'sensor', descending: false },
    });
    this.element = h('div', { class: 'card flush' }, this.table.element);
  }

  /** Draws anew what grew stale. */
  refresh(): void {
    this.app.frames.request(this.draw);
  }

  update(rows: readonly SeriesRow[]): void {
    const kept = new Set(rows.map(({ series }) => series));
    for (const key of this.rows.keys()) if (!kept.has(key)) this.rows.delete(key);
    for (const row of rows) this.rows.set(row.series, newer(this.rows.get(row.series), row));
    this.app.frames.request(this.draw);
  }

  heard([series, timeUs, value, quality]: LivePoint): void {
    const row = this.rows.get(series);
    if (!row || (row.last && row.last.timeUs > timeUs)) return;
    this.rows.set(series, { ...row, last: { timeUs, value, quality } });
    this.app.frames.request(this.draw);
  }
}

/** A list that was asked for may be older than what came live meanwhile. */
function newer(before: SeriesRow | undefined, row: SeriesRow): SeriesRow {
  const stale = before?.last && before.last.timeUs > (row.last?.timeUs ?? 0);
  return stale ? { ...row, last: before.last } : row;
}

const staleUs = 60e6;

function isStale(last: SeriesRow['last'], nowUs: number): boolean {
  return last !== null && nowUs - last.timeUs > staleUs;
}

function columns(app: App): TableColumn<SeriesRow>[] {
  return [
    { key: 'sensor', title: 'Sensor', sortBy: ({ sensor }) => sensor, cell: sensorLink },
    {
      key: 'quantity',
      title: 'Quantity',
      priority: 2,
      sortBy: ({ quantity }) => quantity,
      cell: ({ quantity }) => quantityTitle(quantity),
    },
    {
      key: 'value',
      title: 'Last value',
      short: 'Value',
      numeric: true,
      sortBy: ({ last }) => last?.value ?? null,
      cell: value,
    },
    {
      key: 'quality',
      title: 'Quality',
      sortBy: ({ last }) => last?.quality ?? null,
      cell: (row) => quality(row, app.clock.nowUs()),
    },
    {
      key: 'age',
      title: 'Age',
      numeric: true,
      sortBy: ({ last }) => -(last?.timeUs ?? 0),
      cell: ({ last }) => last && ageElement(last.timeUs, app.clock.nowUs()),
    },
    { key: 'labels', title: 'Labels', priority: 3, cell: labels },
  ];
}

function sensorLink({ series, sensor }: SeriesRow): Child {
  return h('a', { href: chartsHash({ series: [series] }), class: 'strong', tabindex: -1 }, sensor);
}

function value({ last, unit }: SeriesRow): Child {
  return h('span', { class: 'value', title: unitSymbol(unit) }, formatValue(last?.value, unit));
}

function quality({ last }: SeriesRow, nowUs: number): Child {
  if (!last) return h('span', { class: 'muted' }, 'no reading');
  const mark = qualityBadge(last.quality);
  if (mark) return mark;
  return isStale(last, nowUs) ? badge('quiet', 'info', 'stale') : h('span', { class: 'muted' }, 'good');
}

function labels({ labels: all }: SeriesRow): Child {
  return h(
    'span',
    { class: 'muted' },
    Object.entries(all)
      .map(([name, text]) => `${name} ${text}`)
      .join(', '),
  );
}
