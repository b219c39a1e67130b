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

/**
 * Reads a CSV file with a header line, row by row: RFC 4180, a byte order mark allowed. Throws FatalError `bad-config`
 * that names the file and the line for a missing file or column, a time that is none, and broken quoting.
 */
export async function* csvSeries(
  path: string,
  columns: CsvColumns = { time: 'timestamp', value: 'value' },
): AsyncGenerator<CsvRow> {
  // Loaded when a file is read: an agent without one has better uses for the memory.
  const { parse } = await import('csv-parse');
  const parser = createReadStream(path)
    .on('error', (error) => parser.destroy(error))
    .pipe(
      parse({ bom: true, columns: true, info: true, skip_empty_lines: true, trim: true, relax_column_count: true }),
    );
  try {
    for await (const entry of parser as AsyncIterable<{ info: { lines: number }; record: Record<string, string> }>) {
      yield rowOf(entry.record, entry.info.lines, columns);
    }
  } catch (cause) {
    throw new FatalError('bad-config', `${path}: ${messageOf(cause)}`, { cause });
  }
}

function rowOf(record: Record<string, string>, line: number, { time, value }: CsvColumns): CsvRow {
  const [timestamp, text] = [record[time], record[value]];
  if (timestamp === undefined || text === undefined) {
    const missing = timestamp === undefined ? time : value;
    throw new Error(`line ${line}: no column ${missing}; there are ${Object.keys(record).join(', ')}`);
  }
  const timeUs = parseTimeUs(timestamp);
  if (timeUs === undefined) throw new Error(`line ${line}: ${JSON.stringify(timestamp.slice(0, 40))} is no time`);
  return { timestamp, timeUs, value: text === '' ? NaN : Number(text), line };
}
