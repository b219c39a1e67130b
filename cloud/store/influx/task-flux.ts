import type { BucketNames } from './buckets.js';
import { quoted, type Flux } from './flux.js';
import { rollupTiers, type TierSpec } from './tiers.js';

/** A part of a rollup: the aggregate over a field of the tier below. */
interface PartSource {
  readonly fn: 'sum' | 'count' | 'min' | 'max' | 'first' | 'last';
  readonly field: string;
}

type Parts = Readonly<Record<string, PartSource>>;

const ends = (first: string, last: string): Parts => ({
  first: { fn: 'first', field: first },
  last: { fn: 'last', field: last },
});
const readings: Parts = {
  sum: { fn: 'sum', field: 'value' },
  count: { fn: 'count', field: 'value' },
  min: { fn: 'min', field: 'value' },
  max: { fn: 'max', field: 'value' },
  ...ends('value', 'value'),
};
const summed: Parts = {
  sum: { fn: 'sum', field: 'sum' },
  count: { fn: 'sum', field: 'count' },
  min: { fn: 'min', field: 'min' },
  max: { fn: 'max', field: 'max' },
  ...ends('first', 'last'),
};
const windows: Parts = { ...summed, spanUs: { fn: 'max', field: 'spanUs' } };
const rollups: Parts = {
  ...summed,
  weight: { fn: 'sum', field: 'weight' },
  firstUs: { fn: 'min', field: 'firstUs' },
  lastUs: { fn: 'max', field: 'lastUs' },
};

const partNames = ['sum', 'weight', 'count', 'min', 'max', 'first', 'last', 'firstUs', 'lastUs', 'spanUs'];

export interface TaskFluxOptions {
  readonly tier: TierSpec;
  readonly buckets: BucketNames;
  /** Every tag that a point may have beside site, device, sensor and form. */
  readonly labelTags: readonly string[];
}

export function taskName(buckets: BucketNames, tier: TierSpec): string {
  return `fieldline ${sourceBucket(buckets, tier)} to ${buckets[tier.name]}`;
}

function sourceBucket(buckets: BucketNames, { index }: TierSpec): string {
  return index === 0 ? buckets.realtime : buckets[rollupTiers[index - 1]!.name];
}

/**
 * The task that computes a tier. Aggregates of one field are what the storage engine computes itself, without handing
 * out points, so each part is one such read. All parts then go into one table, because Flux is slow per table and fast
 * per row; there they become one row for each bucket, which is written as one point.
 */
export function taskFlux({ tier, buckets, labelTags }: TaskFluxOptions): Flux {
  const tags = ['site', 'device', 'sensor', 'form', ...labelTags];
  const { every, offset } = tier.task;
  return `import "array"
import "date"

option task = {name: ${quoted(taskName(buckets, tier))}, every: ${every}, offset: ${offset}}

${coveredRange(tier)}
tags = [${tags.map(quoted).join(', ')}]
huge = float(v: "${Number.MAX_VALUE}")
finite = (v) => if v > huge then huge else if v < -huge then -huge else if v == v then v else 0.0
points = (field) => from(bucket: ${quoted(sourceBucket(buckets, tier))})
  |> range(start: start, stop: stop)
  |> filter(fn: (r) => r._field == field)
raw = (field) => points(field: field) |> filter(fn: (r) => r.form == "raw")
windows = (field) => points(field: field) |> filter(fn: (r) => r.form == "window")
part = (tables=<-, name) => tables |> group() |> set(key: "_field", value: name)
stamp = (tables=<-, name) => tables |> group()
  |> map(fn: (r) => ({r with _value: float(v: int(v: r._time) / 1000), _field: name}))
// Gives every column to a run that finds no point with some of them.
columns = array.from(rows: [${partNames.map((name) => `{${columnRow(tags, name)}}`).join(', ')}])
  |> drop(columns: ["none"])

${tier.index === 0 ? firstTier() : upperTier(tier)}
  |> drop(columns: ["_stop", "_time"])
  |> rename(columns: {_start: "_time"})
  |> pivot(rowKey: ["_measurement", "_time", ${tags.map(quoted).join(', ')}], columnKey: ["_field"], valueColumn: "_value")
  // A minute in which a wider window begins is left to the store, which tells the windows apart.
  |> filter(fn: (r) => r.site != "" and (not exists r.spanUs or r.spanUs <= ${rollupTiers[0].widthUs}.0))
  |> to(bucket: ${quoted(buckets[tier.name])}, tagColumns: tags, fieldFn: (r) => ({${outputFields(tier)}}))
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

function columnRow(tags: readonly string[], part: string): Flux {
  const times = ['_start', '_stop', '_time'].map((name) => `${name}: time(v: 0)`);
  const texts = ['_measurement', ...tags].map((name) => `${name}: ""`);
  return [...times, ...texts, `_field: ${quoted(part)}`, '_value: 0.0'].join(', ');
}

function firstTier(): Flux {
  const stamp = (source: string, field: string, fn: string) =>
    `${source}(field: "${field}") |> window(every: 1m) |> ${fn}() |> stamp(name: "${fn}Us")`;
  return union([
    ...partReads('raw', readings, '1m'),
    ...partReads('windows', windows, '1m'),
    stamp('raw', 'value', 'first'),
    stamp('raw', 'value', 'last'),
    stamp('windows', 'first', 'first'),
    stamp('windows', 'last', 'last'),
  ]);
}

function upperTier({ name }: TierSpec): Flux {
  return union(partReads('points', rollups, name));
}

const integerParts = new Set(['count', 'spanUs', 'firstUs', 'lastUs']);

function partReads(source: string, parts: Parts, every: string): Flux[] {
  return Object.entries(parts).map(([name, { fn, field }]) => {
    const toFloat = integerParts.has(name) ? ' |> toFloat()' : '';
    return `${source}(field: "${field}") |> window(every: ${every}) |> ${fn}() |> part(name: "${name}")${toFloat}`;
  });
}

function union(tables: readonly Flux[]): Flux {
  return `union(tables: [\n  columns,\n  ${tables.join(',\n  ')},\n])`;
}

function outputFields({ index }: TierSpec): Flux {
  const weight = index === 0 ? 'r.count' : 'r.weight';
  const floats = ['min', 'max', 'first', 'last'].map((name) => `${name}: r.${name}`);
  const integers = ['count', 'firstUs', 'lastUs'].map((name) => `${name}: int(v: r.${name})`);
  const sum = [`value: finite(v: r.sum / ${weight})`, 'sum: finite(v: r.sum)', `weight: ${weight}`];
  return [...sum, ...floats, ...integers].join(', ');
}
