import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { csvSeries, type CsvRow } from '#core/runtime/csv-series.js';
import { FatalError } from '#core/runtime/errors.js';
import { defaultThreshold } from '#core/signal/detectors/anomaly.js';
import { NoveltyDetector } from '#core/signal/detectors/novelty.js';

export interface DetectTask {
  readonly input: string;
  readonly output: string;
  /** Rows without a score. Default: 15 % of the file, at most 750. */
  readonly warmup?: number;
}

export interface DetectResult extends Required<DetectTask> {
  readonly rows: number;
  /** Rows with a score from which the edge agent raises an alert. */
  readonly anomalies: number;
  readonly highest: number;
  /** Where the highest score stands; empty if all are 0. */
  readonly highestAt: string;
}

const [warmupShare, greatestWarmup] = [0.15, 750];
/** A file of more rows has the greatest warm-up, however long it is. */
const enoughRows = Math.ceil(greatestWarmup / warmupShare);
const chunkRows = 1000;

/**
 * Writes a copy of a series with the anomaly score of each row, in one pass. `onRows` hears how many more rows are done.
 * Throws FatalError `bad-config` for a bad input file, and whatever writing throws.
 */
export async function detectFile(task: DetectTask, onRows: (rows: number) => void): Promise<DetectResult> {
  const rows = csvSeries(task.input);
  const first: CsvRow[] = [];
  for (let next = await rows.next(); !next.done; next = await rows.next()) {
    first.push(next.value);
    if (first.length === enoughRows) break;
  }
  if (first.length === 0) throw new FatalError('bad-config', `${task.input}: no rows`);
  const warmup = task.warmup ?? Math.floor(warmupShare * first.length);
  await mkdir(dirname(task.output), { recursive: true });
  const scorer = new Scorer(warmup);
  await writeWhole(task.output, scorer.lines(first, rows, onRows));
  return { ...task, warmup, ...scorer.summary };
}

/** What stands under `path` is there as a whole, or as it was. */
async function writeWhole(path: string, texts: AsyncIterable<string>): Promise<void> {
  const part = `${path}.part`;
  try {
    await pipeline(texts, createWriteStream(part));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

class Scorer {
  readonly summary = { rows: 0, anomalies: 0, highest: 0, highestAt: '' };
  private readonly detector: NoveltyDetector;

  constructor(warmup: number) {
    this.detector = new NoveltyDetector({ warmup });
  }

  async *lines(first: readonly CsvRow[], rest: AsyncIterable<CsvRow>, onRows: (rows: number) => void) {
    let text = 'timestamp,value,anomaly_score\n';
    for (const row of first) text += this.line(row);
    onRows(first.length);
    for await (const row of rest) {
      text += this.line(row);
      if (this.summary.rows % chunkRows !== 0) continue;
      yield text;
      text = '';
      onRows(chunkRows);
    }
    yield text;
  }

  private line({ timestamp, timeUs, value }: CsvRow): string {
    const { summary } = this;
    const score = this.detector.push(timeUs, value);
    summary.rows += 1;
    if (score >= defaultThreshold) summary.anomalies += 1;
    if (score > summary.highest) {
      summary.highest = score;
      summary.highestAt = timestamp;
    }
    return `${quoted(timestamp)},${Number.isNaN(value) ? '' : value},${score}\n`;
  }
}

/** RFC 4180. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
