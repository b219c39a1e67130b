import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { hourlyCsv } from './hourly-csv.js';
import { hourlyHtml } from './hourly-html.js';
import type { HourlyReport } from './hourly-report.js';

/** Writes `hourly-<from>.html` and `.csv`; a reader never sees half a file. Resolves with the paths. */
export async function writeHourlyReport(directory: string, report: HourlyReport): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const stem = join(directory, `hourly-${new Date(report.fromUs / 1000).toISOString().slice(0, 13)}`);
  return [await writeWhole(`${stem}.html`, [hourlyHtml(report)]), await writeWhole(`${stem}.csv`, hourlyCsv(report))];
}

async function writeWhole(path: string, chunks: Iterable<string>): Promise<string> {
  const file = await open(`${path}.partial`, 'w');
  try {
    let pending = '';
    for (const chunk of chunks) {
      pending += chunk;
      if (pending.length > 1_000_000) {
        await file.write(pending);
        pending = '';
      }
    }
    await file.write(pending);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.partial`, path);
  return path;
}
