import type { BucketNames } from './buckets.js';
import { quoted, type Flux } from './flux.js';
import { rollupTiers, type TierSpec } from './tiers.js';

/** A part of a rollup, as the aggregate over a field of the tier below. */
type Parts = Readonly<Record<string, readonly [fn: 'sum' | 'count' | 'min' | 'max' | 'first' | 'last', field: string]>>;

const ofReadings: Parts = {
  sum: ['sum', 'value'],
  count: ['count', 'value'],
  min: ['min', 'value'],
  max: ['max', 'value'],
  first: ['first', 'value'],
  last: ['last', 'value'],
};
const ofRollups: Parts = {
  sum: ['sum', 'sum'],
  count: ['sum', 'count'],
  min: ['min', 'min'],
  max: ['max', 'max'],
  first: ['first', 'first'],
  last: ['last', 'last'],
};
const ofWindows: Parts = { ...ofRollups, spanUs: ['max', 'spanUs'] };

export interface TaskFluxOptions {
  readonly tier: TierSpec;
  readonly buckets: BucketNames;
}

export function taskName(buckets: BucketNames, tier: TierSpec): string {
  return `fieldline ${sourceBucket(buckets, tier)} to ${buckets[tier.name]}`;
}

function sourceBucket(buckets: BucketNames, { index }: TierSpec): string {
  return index === 0 ? buckets.realtime : buckets[rollupTiers[index - 1]!.name];
}

/**
 * The task that computes a tier. An aggregate of one field is what the storage engine computes itself, without handing
 * out points, so each part is one such read. No two tables of the union have the same group key: where Flux joins tables
 * of different columns into one, values end up in each other's rows.
 */
export function taskFlux({ tier, buckets }: TaskFluxOptions): Flux {
  const { every, offset } = tier.task;
  const output = `influxdb.wideTo(bucket: ${quoted(buckets[tier.name])})`;
  const outputs = tier.index === 0 ? firstTier(output) : [rolledUp('points', ofRollups, tier, output)];
  return `import "date"
import "influxdata/influxdb"

option task = {name: ${quoted(taskName(buckets, tier))}, every: ${every}, offset: ${offset}}

${coveredRange(tier)}
huge = float(v: "${Number.MAX_VALUE}")
finite = (v) => if v > huge then huge else if v < -huge then -huge else if v == v then v else 0.0

points = (field) => from(bucket: ${quoted(sourceBucket(buckets, tier))})
  |> range(start: start, stop: stop)
  |> filter(fn: (r) => r._field == field and r.form != "segment")
raw = (field) => points(field: field) |> filter(fn: (r) => r.form == "raw")
windows = (field) => points(field: field) |> filter(fn: (r) => r.form == "window")

// Written with wideTo and not with to, which keeps tags in the order of the columns: tags in another order would be
// another series (influxdata/influxdb#14963).
${outputs.join('\n\n')}
`;
}

/** The same as `coversFrom` of the tier's schedule. In a task, now() is the time that the run was scheduled for. */
function coveredRange({ index }: TierSpec): Flux {
  if (index === 0) {
    return 'stop = date.truncate(t: now(), unit: 1m)\nstart = date.sub(d: 3m, from: stop)';
  }
  const [back, unit] = index === 1 ? ['10m', '1h'] : ['90m', '1d'];
  return `stop = now()\nstart = date.truncate(t: date.sub(d: ${back}, from: stop), unit: ${unit})`;
}

function firstTier(output: Flux): Flux[] {
  const [minutes] = rollupTiers;
  // A minute in which a wider window begins is left to the store, which tells the windows apart.
  const narrow = `filter(fn: (r) => r.spanUs <= ${minutes.widthUs}) |> drop(columns: ["spanUs"])`;
  return [
    rolledUp('raw', ofReadings, minutes, output),
    rolledUp('windows', ofWindows, minutes, `${narrow}\n  |> ${output}`),
  ];
}

function rolledUp(source: string, parts: Parts, { name }: TierSpec, output: Flux): Flux {
  const tables = Object.entries(parts).map(
    ([part, [fn, field]]) => `${source}(field: "${field}")
    |> aggregateWindow(every: ${name}, fn: ${fn}, createEmpty: false, timeSrc: "_start")
    |> set(key: "_field", value: "${part}")`,
  );
  return `union(tables: [
  ${tables.join(',\n  ')},
])
  |> drop(columns: ["_start", "_stop"])
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> map(fn: (r) => ({r with sum: finite(v: r.sum), value: finite(v: finite(v: r.sum) / float(v: r.count))}))
  |> ${output}
  |> yield(name: "${source}")`;
}
