import { resolveSpan } from './ranges.js';
import type { TierChoice } from '../api/types.js';

/** What the charts page shows: all of it stands in its address, so that it can be shared. */
export interface ChartsState {
  readonly series: readonly string[];
  /** `-1h` or an ISO time. */
  readonly from: string;
  /** An ISO time, or empty for the present. */
  readonly to: string;
  readonly tier: TierChoice;
  /** A chart for each unit, or one chart with an axis for each unit. */
  readonly layout: 'split' | 'overlay';
}

export type Route =
  | { readonly view: 'overview' }
  | { readonly view: 'devices' }
  | { readonly view: 'device'; readonly site: string; readonly device: string }
  | { readonly view: 'rollouts' }
  | { readonly view: 'charts'; readonly state: ChartsState }
  | { readonly view: 'alerts' }
  | { readonly view: 'unknown'; readonly path: string };

export const defaultCharts: ChartsState = { series: [], from: '-15m', to: '', tier: 'auto', layout: 'split' };

/** More series than this are not drawn at once. */
export const maxChartSeries = 200;

const name = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/;

export function isSeriesKey(text: string): boolean {
  const parts = text.split('/');
  return parts.length === 3 && parts.every((part) => name.test(part));
}

/** Reads the fragment of the address. What it does not understand becomes a default, never an error. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const [view = '', ...rest] = path.split('/').filter((part) => part !== '');
  if (view === '') return { view: 'overview' };
  if (view === 'charts' && rest.length === 0) return { view: 'charts', state: parseCharts(query) };
  if (view === 'alerts' && rest.length === 0) return { view: 'alerts' };
  if (view === 'devices' && rest.length === 0) return { view: 'devices' };
  if (view === 'rollouts' && rest.length === 0) return { view: 'rollouts' };
  const [site = '', device = ''] = rest.map(decoded);
  if (view === 'devices' && rest.length === 2 && name.test(site) && name.test(device))
    return { view: 'device', site, device };
  return { view: 'unknown', path };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function parseCharts(query: string): ChartsState {
  const params = new URLSearchParams(query);
  const series = [...new Set(params.getAll('series').filter(isSeriesKey))].slice(0, maxChartSeries);
  const tier = params.get('tier') as TierChoice | null;
  const from = params.get('from') ?? defaultCharts.from;
  const to = params.get('to') ?? '';
  const span = resolveSpan(from, to, Date.parse('2100-01-01'));
  return {
    series,
    from: span ? from : defaultCharts.from,
    to: span ? to : '',
    tier: tier !== null && ['auto', 'raw', '1m', '1h', '1d'].includes(tier) ? tier : 'auto',
    layout: params.get('layout') === 'overlay' ? 'overlay' : 'split',
  };
}

/** The fragment for a charts page; defaults are left out. Reversed by {@link parseRoute}. */
export function chartsHash(state: Partial<ChartsState>): string {
  const full = { ...defaultCharts, ...state };
  const pairs = full.series.map((series) => `series=${series}`);
  for (const key of ['from', 'to', 'tier', 'layout'] as const)
    if (full[key] !== defaultCharts[key]) pairs.push(`${key}=${encodeURIComponent(full[key])}`);
  return pairs.length === 0 ? '#/charts' : `#/charts?${pairs.join('&')}`;
}

export function deviceHash({ site, device }: { readonly site: string; readonly device: string }): string {
  return `#/devices/${site}/${device}`;
}
