import { summarise, type HourlyReport, type HourlyRow } from './hourly-report.js';
import { lineChart } from './line-chart.js';

/** Charts for one quantity would not help beyond this many; the table and the CSV hold every sensor. */
const maxCharts = 12;

/** The report as one self-contained HTML page: a chart per quantity, and a table of every sensor. */
export function hourlyHtml(report: HourlyReport): string {
  const title = `Hourly report, ${utc(report.fromUs)} to ${utc(report.toUs)}`;
  const body = report.rows.length === 0 ? '<p>No readings in this time.</p>' : `${charts(report)}${table(report)}`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>${style}</style>
<h1>${title}</h1>
<p>${report.rows.length} sensor hours of ${new Set(report.rows.map((row) => row.series)).size} sensors. Times are UTC. Made ${utc(report.createdUs)} by Fieldline.</p>
${body}
</html>
`;
}

const style = `
:root{color-scheme:light dark;--line:#0b6bcb;--grid:#8884}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}
.grid{stroke:var(--grid)}.band{fill:var(--line);opacity:.18}.line{fill:none;stroke:var(--line);stroke-width:1.8}circle{fill:var(--line)}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;border-bottom:1px solid var(--grid);text-align:left}
.n{text-align:right;font-variant-numeric:tabular-nums}`;

function charts(report: HourlyReport): string {
  const byQuantity = new Map<string, HourlyRow[]>();
  for (const row of report.rows) {
    const { quantity, unit } = describe(report, row.series);
    const key = `${quantity} (${unit})`;
    byQuantity.set(key, [...(byQuantity.get(key) ?? []), row]);
  }
  return [...byQuantity]
    .slice(0, maxCharts)
    .map(([name, rows]) => `<h2>${escape(name)}</h2>${lineChart({ points: hours(rows) }, report.fromUs, report.toUs)}`)
    .join('\n');
}

/** All sensors of a quantity, hour by hour; an hour is drawn at its middle. */
function hours(rows: readonly HourlyRow[]): HourlyRow[] {
  const byHour = summarise(rows.map((row) => ({ ...row, series: String(row.timeUs) })));
  return byHour.map((row) => ({ ...row, timeUs: row.timeUs + 1_800_000_000 })).sort((a, b) => a.timeUs - b.timeUs);
}

function table(report: HourlyReport): string {
  const rows = summarise(report.rows).map(({ series, avg, min, max, count }) => {
    const { quantity, unit } = describe(report, series);
    const numbers = [avg, min, max].map((value) => `<td class="n">${round(value)}</td>`).join('');
    return `<tr><td>${escape(series)}</td><td>${escape(quantity)}</td>${numbers}<td>${escape(unit)}</td><td class="n">${count}</td></tr>`;
  });
  const head =
    '<tr><th>Sensor</th><th>Quantity</th><th class="n">Average</th><th class="n">Minimum</th><th class="n">Maximum</th><th>Unit</th><th class="n">Readings</th></tr>';
  return `<h2>Sensors</h2><table><thead>${head}</thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

function describe(report: HourlyReport, series: string): { quantity: string; unit: string } {
  return report.descriptions.get(series) ?? { quantity: 'unknown', unit: '' };
}

function round(value: number): string {
  return Number(value.toPrecision(6)).toString();
}

function utc(timeUs: number): string {
  return `${new Date(timeUs / 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
