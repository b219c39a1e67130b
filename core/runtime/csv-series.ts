import { createReadStream } from 'node:fs';
import { FatalError, messageOf } from './errors.js';
import { parseTimeUs } from './parse-time.js';

/** One line of a data file. `value` is NaN where the field is empty or no number. */
export interface CsvRow {
  /** As it stands in the file. */
  readonly timestamp: string;
  readonly timeUs: number;
  readonly value: number;
  /** Number of its line, from 1. */
  readonly line: number;
}

export interface CsvColumns {
  readonly time: string;
  readonly value: string;
}

/** One line of a data file with several values. */
export interface CsvTableRow {
  /** As it stands in the file. */
  readonly timestamp: string;
  readonly timeUs: number;
  /** In the order of the columns asked for; undefined where the field is empty, NaN where it is no number. */
  readonly values: readonly (number | undefined)[];
  /** Number of its line, from 1. */
  readonly line: number;
}

/**
 * Reads a CSV file with a header line, row by row: RFC 4180, a byte order mark allowed. Throws FatalError `bad-config`
 * that names the file and the line for a missing file or column, a time that is none, and broken quoting.
 */
export async function* csvSeries(
  path: string,
  columns: CsvColumns = { time: 'timestamp', value: 'value' },
): AsyncGenerator<CsvRow> {
  for await (const { timestamp, timeUs, values, line } of csvTable(path, columns.time, [columns.value])) {
    yield { timestamp, timeUs, value: values[0] ?? NaN, line };
  }
}

/** {@link csvSeries} with any number of value columns. The file is read no faster than its rows are asked for. */
export async function* csvTable(path: string, time: string, values: readonly string[]): AsyncGenerator<CsvTableRow> {
  // Loaded when a file is read: an agent without one has better uses for the memory.
  const { parse } = await import('csv-parse');
  const file = createReadStream(path);
  const parser = file
    .on('error', (error) => parser.destroy(error))
    .pipe(
      parse({ bom: true, columns: true, info: true, skip_empty_lines: true, trim: true, relax_column_count: true }),
    );
  try {
    for await (const entry of parser as AsyncIterable<{ info: { lines: number }; record: Record<string, string> }>) {
      yield rowOf(entry.record, entry.info.lines, time, values);
    }
  } catch (cause) {
    throw new FatalError('bad-config', `${path}: ${messageOf(cause)}`, { cause });
  } finally {
    // A parser that is left does not close what is piped into it.
    file.destroy();
  }
}

function rowOf(record: Record<string, string>, line: number, time: string, columns: readonly string[]): CsvTableRow {
  const field = (column: string): string => {
    const text = record[column];
    if (text !== undefined) return text;
    throw new Error(`line ${line}: no column ${column}; there are ${Object.keys(record).join(', ')}`);
  };
  const timestamp = field(time);
  const timeUs = parseTimeUs(timestamp);
  if (timeUs === undefined) throw new Error(`line ${line}: ${JSON.stringify(timestamp.slice(0, 40))} is no time`);
  const values = columns.map((column) => {
    const text = field(column);
    return text === '' ? undefined : Number(text);
  });
  return { timestamp, timeUs, values, line };
}
