import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { csvSeries } from '#core/runtime/csv-series.js';
import { parseTimeUs } from '#core/runtime/parse-time.js';
import { NoveltyDetector } from '#core/signal/detectors/novelty.js';
import { benchOptions, percentile, printResult, round } from './bench-output.js';
import { nabScore, type ScoredSeries } from './nab-score.js';

/**
 * What one reading costs the anomaly detector. `--nab <dir>` scores the labelled series of a folder with `data/` and
 * `labels/combined_windows.json` as well, all together, by group, and the two temperature sensors apart.
 */
const options = benchOptions(process.argv);
/** Enough that the counts are put back into range, the longest step there is. */
const readings = options.quick ? 60_000 : 300_000;
const rounds = 3;
const dayRows = 288;
const stepUs = 300e6;
const sensorSeries = /(machine|ambient)_temperature/;

/** Microseconds of each push of one round. */
function timePushes(values: Float64Array): Float64Array {
  const detector = new NoveltyDetector();
  const took = new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const startMs = performance.now();
    detector.push(i * stepUs, values[i]!);
    took[i] = (performance.now() - startMs) * 1000;
  }
  return took;
}

function daily(count: number): Float64Array {
  let state = 7;
  const uniform = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Float64Array.from({ length: count }, (_, i) => 20 + 5 * Math.sin((2 * Math.PI * i) / dayRows) + uniform());
}

/** Each round does the same work, so what a push took in all of them is its own; the rest is the machine's. */
function timings(): Record<string, number> {
  const values = daily(readings);
  timePushes(values.subarray(0, 20_000));
  const all = Array.from({ length: rounds }, () => timePushes(values));
  const sorted = all.flatMap((round) => [...round]).sort((a, b) => a - b);
  const own = values.map((_, i) => Math.min(...all.map((round) => round[i]!)));
  return {
    p50Us: round(percentile(sorted, 0.5), 2),
    p99Us: round(percentile(sorted, 0.99), 2),
    p999Us: round(percentile(sorted, 0.999), 2),
    longestUs: round(sorted.at(-1)!, 1),
    longestOwnUs: round(
      own.reduce((a, b) => Math.max(a, b)),
      1,
    ),
    bytesPerDetector: new NoveltyDetector().bytes,
  };
}

interface LabelledSeries extends ScoredSeries {
  readonly name: string;
}

async function scoreSeries(nab: string, name: string, labels: [string, string][]): Promise<LabelledSeries> {
  const times: number[] = [];
  const values: number[] = [];
  for await (const { timeUs, value } of csvSeries(join(nab, 'data', name))) {
    times.push(timeUs);
    values.push(value);
  }
  const detector = new NoveltyDetector({ warmup: Math.min(Math.floor(0.15 * values.length), 750) });
  const scores = values.map((value, i) => detector.push(times[i]!, value));
  // Labels carry fractions of a second that the stamps of the data do not.
  const rowOf = (time: string) => times.indexOf(parseTimeUs(time.replace(/\.\d+$/, ''))!);
  const windows = labels.map(([from, to]): [number, number] => [rowOf(from), rowOf(to)]);
  return { name, scores, windows: windows.sort(([a], [b]) => a - b) };
}

async function nabScores(nab: string): Promise<Record<string, unknown>> {
  const labels = JSON.parse(await readFile(join(nab, 'labels/combined_windows.json'), 'utf8')) as Record<
    string,
    [string, string][]
  >;
  const names = (await readdir(join(nab, 'data'), { recursive: true })).filter((name) => labels[name] !== undefined);
  const series: LabelledSeries[] = [];
  for (const name of names.sort()) series.push(await scoreSeries(nab, name, labels[name]!));
  const part = (which: (name: string) => boolean) => shown(series.filter(({ name }) => which(name)));
  const groups = [...new Set(names.map((name) => name.split('/')[0]!))];
  return {
    nab: shown(series),
    ...Object.fromEntries(groups.map((group) => [group, part((name) => name.startsWith(`${group}/`))])),
    sensors: part((name) => sensorSeries.test(name)),
  };
}

function shown(series: readonly ScoredSeries[]): Record<string, unknown> {
  const { score, threshold, ...counts } = nabScore(series);
  return { series: series.length, score: Number.isNaN(score) ? null : round(score, 2), threshold, ...counts };
}

const nabFlag = process.argv.indexOf('--nab');
const nab = nabFlag < 0 ? undefined : process.argv[nabFlag + 1];
const times = timings();
const details = { ...times, ...(nab !== undefined && (await nabScores(nab))) };
printResult({ bench: 'detect', value: times['p99Us']!, unit: 'µs (p99)', peer: null, ratio: null, details }, options);
