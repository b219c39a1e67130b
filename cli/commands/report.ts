import type { Command } from 'commander';
import { hourUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import { wholeHours } from '../../cloud/reports/hourly-report.js';
import { writeHourlyReport } from '../../cloud/reports/write-report.js';
import { fetchHourlyReport } from '../fetch-hourly-report.js';
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

async function runHourly({ http, hours, site, out, json }: ReportOptions): Promise<void> {
  const nowUs = systemClock.nowUs();
  const range = wholeHours(nowUs - (hours - 1) * hourUs, nowUs);
  const report = await fetchHourlyReport(http, range, nowUs, site);
  const files = await writeHourlyReport(out, report);
  const result = { files, sensorHours: report.rows.length };
  process.stdout.write(
    `${json ? JSON.stringify(result) : `${result.sensorHours} sensor hours\n${files.join('\n')}`}\n`,
  );
}
