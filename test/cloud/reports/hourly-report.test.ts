import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { hourlyCsv } from '../../../cloud/reports/hourly-csv.js';
import { hourlyHtml } from '../../../cloud/reports/hourly-html.js';
import { hourlyReport, summarise, wholeHours, type HourlyInput } from '../../../cloud/reports/hourly-report.js';
import { writeHourlyReport } from '../../../cloud/reports/write-report.js';
import { hourUs } from '../../../core/contract/time.js';
import { tempDir } from '../../support/temp-dir.js';

const t0 = 1_795_251_600_000_000 - (1_795_251_600_000_000 % hourUs);
const range = { fromUs: t0, toUs: t0 + 2 * hourUs };
const rollup = (series: string, hour: number, sum: number, count: number, min: number, max: number): HourlyInput => ({
  series,
  timeUs: t0 + hour * hourUs,
  sum,
  weight: count,
  count,
  min,
  max,
  first: min,
  last: max,
});
const rollups = [
  rollup('s/d/b', 1, 30, 3, 9, 11),
  rollup('s/d/a', 1, 40, 2, 19, 21),
  rollup('s/d/a', 0, 10, 1, 10, 10),
];
const descriptions = new Map([
  ['s/d/a', { quantity: 'temperature', unit: 'Cel' }],
  ['s/d/b', { quantity: 'power', unit: 'W' }],
]);
const report = hourlyReport(rollups, descriptions, range, t0 + 3 * hourUs);

describe('the hourly report', () => {
  it('has average, minimum and maximum of each sensor and hour, in order', () => {
    expect(report.rows.map(({ series, avg, min, max, count }) => [series, avg, min, max, count])).toEqual([
      ['s/d/a', 10, 10, 10, 1],
      ['s/d/a', 20, 19, 21, 2],
      ['s/d/b', 10, 9, 11, 3],
    ]);
  });

  it('weighs hours by their readings in a summary', () => {
    expect(summarise(report.rows)[0]).toMatchObject({ series: 's/d/a', avg: 50 / 3, min: 10, max: 21, count: 3 });
  });

  it('is CSV that a spreadsheet reads', () => {
    const lines = [...hourlyCsv(report)].join('').split('\r\n');
    expect(lines[0]).toBe('site,device,sensor,quantity,unit,hour_utc,avg,min,max,count');
    expect(lines[2]).toBe(
      `s,d,a,temperature,Cel,${new Date(t0 / 1000 + 3.6e6).toISOString().slice(0, 13)}:00Z,20,19,21,2`,
    );
    expect(lines).toHaveLength(5);
  });

  it('is a page with a chart per quantity and a row per sensor, without anything fetched', () => {
    const html = hourlyHtml(report);
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html.match(/<tr><td>/g)).toHaveLength(2);
    expect(html).not.toMatch(/(src|href)=|NaN|Infinity/);
  });

  it('says so when there is nothing', () => {
    expect(hourlyHtml(hourlyReport([], descriptions, range, t0))).toContain('No readings in this time.');
  });

  it('is written whole', async () => {
    const [html, csv] = await writeHourlyReport(await tempDir(), report);
    expect(await readFile(html!, 'utf8')).toBe(hourlyHtml(report));
    expect((await readFile(csv!, 'utf8')).split('\r\n')).toHaveLength(5);
  });

  it('covers whole hours', () => {
    expect(wholeHours(t0 + 1, t0 + hourUs + 1)).toEqual(range);
  });
});
