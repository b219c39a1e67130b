import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { csvSeries, type CsvRow } from '../../core/runtime/csv-series.js';
import { reduceFile } from '../../edge/reduce-file.js';

const fixtures = fileURLToPath(new URL('../fixtures/nab', import.meta.url));
const files = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.csv'));

async function rowsOf(file: string): Promise<CsvRow[]> {
  const rows: CsvRow[] = [];
  for await (const row of csvSeries(join(fixtures, file))) rows.push(row);
  return rows;
}

const shares = { '1%': 0.01, '2%': 0.02 } as const;

describe.each(files)('%s', (file) => {
  it('never breaks a bound, and has nothing that cannot be read back', async () => {
    const rows = await rowsOf(file);
    const values = rows.map(({ value }) => value);
    const span = Math.max(...values) - Math.min(...values);
    for (const tolerance of ['1%', '2%'] as const) {
      for (const [reducer, factor] of [
        ['swing', 1],
        ['swinging-door', 2],
        ['deadband', 1],
      ] as const) {
        const result = reduceFile(rows, { reducer, tolerance });
        expect(result.worst!.error, reducer).toBeLessThanOrEqual(factor * shares[tolerance] * span);
        expect(result).toMatchObject({ boundHolds: true, readings: rows.length, notNumbers: 0 });
        expect(result.points).toBeLessThan(rows.length);
      }
    }
  });
});

it('the swing filter keeps a fifth of these series at two percent', async () => {
  const results = await Promise.all(
    files.map(async (file) => reduceFile(await rowsOf(file), { reducer: 'swing', tolerance: '2%' })),
  );
  const logs = results.map(({ ratio }) => Math.log(ratio));
  expect(Math.exp(logs.reduce((a, b) => a + b) / logs.length)).toBeGreaterThan(5);
});
