import { z } from 'zod';
import { parseSeriesKey, type SeriesId } from '#core/contract/names.js';
import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { tiers, type Retention, type RollupTier, type Tier, type TimeRange } from '../store/store.js';
import { answerJson, queryOf, type ApiContext, type Route } from './api-context.js';
import { presentLedger } from './devices-route.js';
import { completenessOf, type Completeness } from './device-view.js';
import { columnsOfPoints, columnsOfRollups, type Columns } from './columns.js';
import {
  badParameters,
  limitSchema,
  momentSchema,
  parseParameters,
  resolveRange,
  seriesListSchema,
} from './parameters.js';
import { ProblemError } from './problem.js';

const parameters = z.object({
  series: seriesListSchema.min(1, 'at least one series is needed'),
  from: momentSchema.optional(),
  to: momentSchema.optional(),
  tier: z.enum(['auto', ...tiers]).default('auto'),
  limit: limitSchema(20_000, 5000),
});

const widthUs: Record<RollupTier, number> = { '1m': minuteUs, '1h': hourUs, '1d': dayUs };
/** Buckets read for one answer, over all its series. */
const maxBuckets = 2_000_000;
const readsAtOnce = 4;

interface SeriesAnswer {
  readonly series: string;
  readonly quantity: string;
  readonly unit: string;
  readonly columns: Columns;
}

/** `GET /api/v1/query`: the newest `limit` values of each series, oldest first, with how complete they are. */
export function queryRoute(api: ApiContext): Route {
  return async (c) => {
    const { series, tier: wanted, limit, from, to } = parseParameters(parameters, queryOf(c));
    const nowUs = api.clock.nowUs();
    const range = resolveRange({ from, to }, nowUs, { agoUs: 15 * minuteUs });
    const tier = wanted === 'auto' ? pickTier(range, nowUs, api.retention) : wanted;
    const names = [...new Set(series)];
    const ledger = presentLedger(api);
    let answer = await readTier(api, names, range, tier, limit);
    // More raw readings than fit would show only the end of the range: a coarser tier shows all of it.
    if (wanted === 'auto' && answer.truncated && range.toUs - range.fromUs > 2 * minuteUs) {
      answer = await readTier(api, names, range, '1m', limit);
    }
    const { tier: served, series: answers } = answer;
    const completeness = completenessFor(api, names, await ledger);
    return answerJson({ ...range, tier: served, layer: 'speed', completeness, series: answers });
  };
}

/** The finest tier that shows the range in some thousand values and still keeps its beginning. */
export function pickTier(range: TimeRange, nowUs: number, retention: Retention): Tier {
  const spanUs = range.toUs - range.fromUs;
  const ageUs = nowUs - range.fromUs;
  const kept = (days: number | undefined): boolean => days === undefined || ageUs <= days * dayUs;
  if (spanUs <= 2 * hourUs && kept(retention.rawDays)) return 'raw';
  if (spanUs <= 4 * dayUs && kept(retention['1mDays'])) return '1m';
  return spanUs <= 200 * dayUs && kept(retention['1hDays']) ? '1h' : '1d';
}

async function readTier(
  api: ApiContext,
  names: readonly string[],
  range: TimeRange,
  tier: Tier,
  limit: number,
): Promise<{ tier: Tier; series: SeriesAnswer[]; truncated: boolean }> {
  if (tier !== 'raw') checkBuckets(names.length, range, tier);
  const series: SeriesAnswer[] = [];
  // A few at a time: an answer of fifty series must not keep the store from the other callers.
  for (let i = 0; i < names.length; i += readsAtOnce) {
    const some = names.slice(i, i + readsAtOnce);
    series.push(...(await Promise.all(some.map((name) => readSeries(api, name, range, tier, limit)))));
  }
  const truncated = tier === 'raw' && series.some(({ columns }) => columns.timeUs.length >= limit);
  return { tier, series, truncated };
}

async function readSeries(
  api: ApiContext,
  name: string,
  range: TimeRange,
  tier: Tier,
  limit: number,
): Promise<SeriesAnswer> {
  const id = parseSeriesKey(name)!;
  const known = api.fleet.device(id)?.series.get(id.sensor);
  const columns = await readColumns(api, id, range, tier, limit);
  return { series: name, quantity: known?.quantity ?? '', unit: known?.unit ?? '', columns };
}

async function readColumns(
  { store }: ApiContext,
  id: SeriesId,
  range: TimeRange,
  tier: Tier,
  limit: number,
): Promise<Columns> {
  if (tier === 'raw') return columnsOfPoints(await store.recent(id, range, limit));
  return columnsOfRollups(store.rollups(tier, id, range), limit);
}

function checkBuckets(series: number, range: TimeRange, tier: RollupTier): void {
  const buckets = Math.ceil((range.toUs - range.fromUs) / widthUs[tier]);
  if (series * buckets <= maxBuckets) return;
  const detail = `${series} series of ${buckets} buckets of ${tier} are more than ${maxBuckets}: ask for a coarser tier, a shorter range or fewer series.`;
  throw new ProblemError(400, 'range-too-large', detail, badParameters([{ parameter: 'tier', detail }]).errors);
}

function completenessFor(
  { fleet }: ApiContext,
  names: readonly string[],
  ledger: Awaited<ReturnType<typeof presentLedger>>,
): Completeness[] {
  if (!ledger) return [];
  const devices = new Set(names.map((name) => fleet.device(parseSeriesKey(name)!)));
  return [...devices].flatMap((device) =>
    device ? completenessOf(device, ledger, fleet.registrations.namesOf(device.id)) : [],
  );
}
