import type { HourlyReport } from './hourly-report.js';

/** The report as CSV (RFC 4180, UTF-8), line by line. Names cannot hold a comma, quote or line break (see `nameSchema`). */
export function* hourlyCsv(report: HourlyReport): Generator<string> {
  yield 'site,device,sensor,quantity,unit,hour_utc,avg,min,max,count\r\n';
  for (const { series, timeUs, avg, min, max, count } of report.rows) {
    const { quantity, unit } = report.descriptions.get(series) ?? { quantity: '', unit: '' };
    const hour = new Date(timeUs / 1000).toISOString().slice(0, 13);
    yield `${series.replaceAll('/', ',')},${quantity},${unit},${hour}:00Z,${avg},${min},${max},${count}\r\n`;
  }
}
