import { ApiClient } from '#core/runtime/api-client.js';
import {
  hourlyReport,
  type HourlyInput,
  type HourlyReport,
  type SeriesDescription,
} from '../cloud/reports/hourly-report.js';

type RollupRow = [
  series: string,
  timeUs: number,
  sum: number,
  weight: number,
  count: number,
  min: number,
  max: number,
  first: number,
  last: number,
];

interface SeriesPage {
  series: (SeriesDescription & { series: string })[];
  next: string | null;
}

/** The hourly report of a time range, from the HTTP API: the store belongs to the process that serves it. */
export async function fetchHourlyReport(
  http: string,
  range: { fromUs: number; toUs: number },
  createdUs: number,
  site?: string,
): Promise<HourlyReport> {
  const api = new ApiClient(http);
  const rollups: HourlyInput[] = [];
  const parameters = { tier: '1h', from: range.fromUs, to: range.toUs, site };
  for await (const row of api.rows<RollupRow>('/api/v1/export/rollups', parameters)) {
    const [series, timeUs, sum, weight, count, min, max, first, last] = row;
    rollups.push({ series, timeUs, sum, weight, count, min, max, first, last });
  }
  return hourlyReport(rollups, await describeSeries(api, site), range, createdUs);
}

async function describeSeries(api: ApiClient, site: string | undefined): Promise<Map<string, SeriesDescription>> {
  const descriptions = new Map<string, SeriesDescription>();
  let after: string | undefined;
  do {
    const page: SeriesPage = await api.json('/api/v1/series', { site, after, limit: 1000 });
    for (const { series, quantity, unit } of page.series) descriptions.set(series, { quantity, unit });
    after = page.next ?? undefined;
  } while (after !== undefined);
  return descriptions;
}
