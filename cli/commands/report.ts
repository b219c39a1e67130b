import type { Command } from 'commander';
import { hourUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import {
  hourlyReport,
  wholeHours,
  type HourlyInput,
  type SeriesDescription,
} from '../../cloud/reports/hourly-report.js';
import { writeHourlyReport } from '../../cloud/reports/write-report.js';
import { ApiClient } from '#core/runtime/api-client.js';
import { wholeNumber } from '../options.js';

interface ReportOptions {
  http: string;
  hours: number;
  site?: string;
  out: string;
  json?: boolean;
}

export function addReport(program: Command): void {
  const group = program.command('report').description('make a report from what is stored');
  group
    .command('hourly')
    .description('average, minimum and maximum of every sensor by the hour, as HTML with charts and as CSV')
    .option('--hours <n>', 'how many hours back, the current one included', wholeNumber(1, 8760), 24)
    .option('--site <name>', 'only this site')
    .option('--out <dir>', 'where to write', './reports')
    .option('--http <url>', 'the HTTP API', 'http://127.0.0.1:8080')
    .option('--json', 'print the result as one JSON line')
    .addHelpText('after', '\nExample:\n  fieldline report hourly --hours 48 --out ./reports')
    .action(runHourly);
}

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

async function runHourly({ http, hours, site, out, json }: ReportOptions): Promise<void> {
  const api = new ApiClient(http);
  const nowUs = systemClock.nowUs();
  const range = wholeHours(nowUs - (hours - 1) * hourUs, nowUs);
  const rollups: HourlyInput[] = [];
  const parameters = { tier: '1h', from: range.fromUs, to: range.toUs, site };
  for await (const [series, timeUs, sum, weight, count, min, max, first, last] of api.rows<RollupRow>(
    '/api/v1/export/rollups',
    parameters,
  )) {
    rollups.push({ series, timeUs, sum, weight, count, min, max, first, last });
  }
  const files = await writeHourlyReport(out, hourlyReport(rollups, await describeSeries(api, site), range, nowUs));
  const text = `${rollups.length} sensor hours\n${files.join('\n')}`;
  process.stdout.write(`${json ? JSON.stringify({ files, sensorHours: rollups.length }) : text}\n`);
}

interface SeriesPage {
  series: (SeriesDescription & { series: string })[];
  next: string | null;
}

async function describeSeries(api: ApiClient, site: string | undefined): Promise<Map<string, SeriesDescription>> {
  const descriptions = new Map<string, SeriesDescription>();
  let after: string | undefined;
  do {
    const page = await api.json<SeriesPage>('/api/v1/series', { site, after, limit: 1000 });
    for (const { series, quantity, unit } of page.series) descriptions.set(series, { quantity, unit });
    after = page.next ?? undefined;
  } while (after !== undefined);
  return descriptions;
}
