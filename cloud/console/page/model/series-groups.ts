import { unitSymbol } from './format.js';
import type { SeriesRow } from '../api/types.js';

/** Series that share a chart: one quantity in one unit, so one y-axis. */
export interface SeriesGroup {
  /** `<quantity> <unit>` */
  readonly key: string;
  readonly title: string;
  readonly quantity: string;
  readonly unit: string;
  readonly series: readonly SeriesRow[];
}

/** What people look at first; a quantity stands where its first matching word does, the others behind, by name. */
const order = [
  ...['cpu', 'memory_used', 'memory', 'temperature', 'humidity', 'power', 'energy', 'current'],
  ...['vibration', 'pressure', 'occupancy'],
];

/** Words that are not written as they are spelt. */
const spelling: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  co2: 'CO₂',
  ph: 'pH',
  rh: 'RH',
  io: 'I/O',
  gpu: 'GPU',
};

/** `cpu_load` reads `CPU load`. */
export function quantityTitle(quantity: string): string {
  const words = quantity.split('_').map((word, index) => spelling[word] ?? (index === 0 ? capitalised(word) : word));
  return words.join(' ');
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function rank(quantity: string): number {
  const place = order.findIndex((word) => quantity.includes(word));
  return place < 0 ? order.length : place;
}

export function groupByQuantity(rows: readonly SeriesRow[]): SeriesGroup[] {
  return grouped(rows, (row) => `${row.quantity} ${row.unit}`).sort(
    (a, b) => rank(a.quantity) - rank(b.quantity) || a.key.localeCompare(b.key),
  );
}

/** Groups by unit, in the order in which the units first come: a chart for each. */
export function groupByUnit(rows: readonly SeriesRow[]): SeriesGroup[] {
  return grouped(rows, (row) => row.unit).map((group) => {
    const quantities = [...new Set(group.series.map(({ quantity }) => quantityTitle(quantity)))];
    const shown = quantities.slice(0, 3).join(', ');
    return { ...group, title: quantities.length > 3 ? `${shown} and ${quantities.length - 3} more` : shown };
  });
}

function grouped(rows: readonly SeriesRow[], keyOf: (row: SeriesRow) => string): SeriesGroup[] {
  const groups = new Map<string, SeriesRow[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups].map(([key, series]) => ({
    key,
    title: quantityTitle(series[0]!.quantity),
    quantity: series[0]!.quantity,
    unit: series[0]!.unit,
    series,
  }));
}

export interface PickOptions {
  readonly charts: number;
  readonly perChart: number;
  readonly total: number;
}

/**
 * Some series for each of the first quantities: devices take turns, and those that spoke last come first, so that a
 * site with a thousand sensors still shows a few of everything that moves. Series of text are left out.
 */
export function pickForOverview(rows: readonly SeriesRow[], { charts, perChart, total }: PickOptions): SeriesGroup[] {
  const drawable = rows.filter(({ last }) => typeof last?.value === 'number' || typeof last?.value === 'boolean');
  let left = total;
  const picked = firstOfEachKind(groupByQuantity(drawable))
    .slice(0, charts)
    .map((group) => {
      const series = takeTurns(group.series, Math.min(perChart, left));
      left -= series.length;
      return { ...group, series };
    });
  return picked.filter(({ series }) => series.length > 0);
}

/** Lets `memory_available` stand behind all else if `memory_used` is there. */
function firstOfEachKind(groups: readonly SeriesGroup[]): SeriesGroup[] {
  const kind = ({ quantity }: SeriesGroup): string => quantity.split('_', 1)[0]!;
  const isFirst = (group: SeriesGroup): boolean => groups.find((other) => kind(other) === kind(group)) === group;
  return [...groups.filter(isFirst), ...groups.filter((group) => !isFirst(group))];
}

function takeTurns(rows: readonly SeriesRow[], count: number): SeriesRow[] {
  const recent = Math.max(...rows.map(({ last }) => last?.timeUs ?? 0)) - 60_000_000;
  const byDevice = grouped(
    [...rows].sort((a, b) => a.series.localeCompare(b.series, undefined, { numeric: true })),
    ({ site, device }) => `${site}/${device}`,
  ).map(({ series }) => series);
  byDevice.sort((a, b) => Number(fresh(b, recent)) - Number(fresh(a, recent)));
  const taken: SeriesRow[] = [];
  for (let turn = 0; taken.length < count && byDevice.some((own) => own.length > turn); turn += 1)
    for (const own of byDevice) {
      const next = own[turn];
      if (next && taken.length < count) taken.push(next);
    }
  return taken;
}

function fresh(rows: readonly SeriesRow[], sinceUs: number): boolean {
  return rows.some(({ last }) => (last?.timeUs ?? 0) >= sinceUs);
}

/** The shortest names that tell the series apart: parts that all share are left out, but never the sensor alone. */
export function shortNames(rows: readonly Pick<SeriesRow, 'site' | 'device' | 'sensor'>[]): string[] {
  const differs = (key: 'site' | 'device' | 'sensor') => new Set(rows.map((row) => row[key])).size > 1;
  const [site, device, sensor] = [differs('site'), differs('device'), differs('sensor')];
  return rows.map((row) => {
    const parts = [site && row.site, (device || site) && row.device, (sensor || !(device || site)) && row.sensor];
    return parts.filter((part) => part !== false).join(' / ');
  });
}

/** `°C`, or `no unit` for a ratio or a count. */
export function unitLabel(unit: string): string {
  return unitSymbol(unit) || (unit === 'count' ? 'count' : 'ratio');
}

/** Whether every word of `query` stands somewhere in the series' name, quantity, unit or labels. */
export function matchesSeries(row: SeriesRow, query: string): boolean {
  const text = [row.series, row.quantity, quantityTitle(row.quantity), row.unit, ...Object.values(row.labels)]
    .join(' ')
    .toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
