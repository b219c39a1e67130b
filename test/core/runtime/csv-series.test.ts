import { readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { csvSeries, csvTable, type CsvRow } from '../../../core/runtime/csv-series.js';
import { parseTimeUs } from '../../../core/runtime/parse-time.js';
import { tempDir } from '../../support/temp-dir.js';

const noonUs = Date.UTC(2024, 0, 15, 12) * 1000;

test.each([
  ['2024-01-15 12:00:00', noonUs],
  ['2024-01-15T12:00', noonUs],
  ['2024/01/15 12:00:00.000001', noonUs + 1],
  ['2024-01-15T13:00:00,5+01:00', noonUs + 500_000],
  ['2024-01-15 10:30:00 -0130', noonUs],
  ['2024-01-15', noonUs - 12 * 3_600_000_000],
  ['1705320000', noonUs],
  ['1705320000.25', noonUs + 250_000],
  ['1705320000123', noonUs + 123_000],
  ['1705320000123456', noonUs + 123_456],
  ['1705320000123456789', noonUs + 123_457],
])('%s is a time', (text, expected) => {
  expect(Math.abs(parseTimeUs(text)! - expected)).toBeLessThanOrEqual(text.length > 16 && !text.includes('-') ? 1 : 0);
});

test.each(['', 'noon', '2024-13-01', '2024-01-15T25:00', '15.01.2024', '2024-01-15T12:00:00 UTC'])(
  '%s is none',
  (text) => {
    expect(parseTimeUs(text)).toBeUndefined();
  },
);

async function rowsOf(text: string): Promise<CsvRow[]> {
  const path = join(await tempDir(), 'in.csv');
  await writeFile(path, text);
  const rows: CsvRow[] = [];
  for await (const row of csvSeries(path)) rows.push(row);
  return rows;
}

test('rows keep their stamps as written, other columns are let be, and no number is NaN', async () => {
  const rows = await rowsOf(
    '\ufefftimestamp,note,value\r\n2024-01-15,"a, b",1.5\r\n\r\n2024-01-16,,\r\n2024-01-17,,n/a\r\n',
  );
  expect(rows.map(({ timestamp, value }) => [timestamp, value])).toEqual([
    ['2024-01-15', 1.5],
    ['2024-01-16', NaN],
    ['2024-01-17', NaN],
  ]);
  expect(rows[0]!.line).toBe(2);
});

test('what is wrong is named with its file and line', async () => {
  await expect(rowsOf('timestamp,value\nyesterday,1\n')).rejects.toThrow(/in\.csv: line 2: "yesterday" is no time/);
  await expect(rowsOf('time,value\n2024-01-15,1\n')).rejects.toThrow(/no column timestamp; there are time, value/);
  await expect(rowsOf('timestamp,value\n"2024-01-15,1\n')).rejects.toThrow(/in\.csv/);
  await expect(csvSeries('/nowhere.csv').next()).rejects.toThrow(/nowhere\.csv/);
});

test('of a wide file each wanted column is read, in the wanted order', async () => {
  const path = join(await tempDir(), 'wide.csv');
  await writeFile(path, 'at,a,b,c\n2024-01-15,1,2,3\n2024-01-16,,x,6\n');
  const rows = [];
  for await (const { values, line } of csvTable(path, 'at', ['c', 'b', 'a'])) rows.push([line, ...values]);
  expect(rows).toEqual([
    [2, 3, 2, 1],
    [3, 6, NaN, undefined],
  ]);
});

test.runIf(process.platform === 'linux')('a file that is not read to its end is closed', async () => {
  const path = join(await tempDir(), 'long.csv');
  await writeFile(path, `timestamp,value\n${'2024-01-15,1\n'.repeat(50_000)}`);
  const rows = csvSeries(path);
  await rows.next();
  await rows.return(undefined);
  const open = async () => {
    const files = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    return files.includes(path);
  };
  await expect.poll(open).toBe(false);
});
