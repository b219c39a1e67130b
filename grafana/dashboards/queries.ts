import { buckets } from '../buckets.js';

/**
 * The Flux of the panels. Grafana puts in `v.timeRangeStart`, `v.timeRangeStop`, `v.windowPeriod` and the dashboard's
 * variables; `:regex` escapes what a variable holds. For a line chart Grafana wants `_time`, `_value`, `_field`,
 * `_measurement` and nothing but tags beside them; a result without `_measurement` is a table.
 *
 * Columns are cut down before tables are grouped: Flux mixes up rows when it merges tables of different columns, and two
 * series need not have the same labels.
 */
const range = 'range(start: v.timeRangeStart, stop: v.timeRangeStop)';
const chosenSites = 'r.site =~ /^${site:regex}$/';
const chosenDevices = `${chosenSites} and r.device =~ /^\${device:regex}$/`;
const chosenSeries = `r._measurement == "\${quantity}" and ${chosenDevices}`;
const counted = '(r.form == "raw" or r.form == "window")';

/** Each sensor's readings, averaged over the steps of the chart. */
export const values = `from(bucket: "${buckets.realtime}")
  |> ${range}
  |> filter(fn: (r) => r._field == "value" and ${counted} and ${chosenSeries})
  |> aggregateWindow(every: v.windowPeriod, fn: mean, createEmpty: false, timeSrc: "_start")
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "site", "device", "sensor", "form"])`;

/** A part of the hourly rollups, over all forms that a sensor's readings came in. */
function hourlyPart(fields: string, fn: 'sum' | 'min' | 'max'): string {
  return `from(bucket: "${buckets['1h']}")
  |> ${range}
  |> filter(fn: (r) => (${fields}) and ${chosenSeries})
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "site", "device", "sensor"])
  |> aggregateWindow(every: 1h, fn: ${fn}, createEmpty: false, timeSrc: "_start")
  |> drop(columns: ["_start", "_stop"])`;
}

export const hourlyMean = `${hourlyPart('r._field == "sum" or r._field == "count"', 'sum')}
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> map(fn: (r) => ({r with _value: r.sum / float(v: r.count), _field: "mean"}))
  |> drop(columns: ["sum", "count"])`;
export const hourlyMin = hourlyPart('r._field == "min"', 'min');
export const hourlyMax = hourlyPart('r._field == "max"', 'max');

/** Readings per second by site. A window stands for as many readings as it counted. */
export const readingsPerSecond = `perStep = (tables=<-, fn) => tables
  |> keep(columns: ["_time", "_value", "site"])
  |> aggregateWindow(every: v.windowPeriod, fn: fn, createEmpty: false, timeSrc: "_start")
  |> keep(columns: ["_time", "_value", "site"])
points = (field, form) => from(bucket: "${buckets.realtime}")
  |> ${range}
  |> filter(fn: (r) => r.form == form and r._field == field and ${chosenSites})

union(tables: [
  points(form: "raw", field: "quality") |> perStep(fn: count),
  points(form: "window", field: "count") |> perStep(fn: sum),
])
  |> group(columns: ["site", "_time"])
  |> sum()
  |> group(columns: ["site"])
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({r with _value: float(v: r._value) * 1000000000.0 / float(v: int(v: v.windowPeriod))}))
  |> set(key: "_measurement", value: "readings")
  |> set(key: "_field", value: "per second")`;

/** The newest stamp of every device that was heard of within a week. */
export const lastSeen = `from(bucket: "${buckets.realtime}")
  |> range(start: -7d)
  |> filter(fn: (r) => r._field == "quality" and ${chosenDevices})
  |> last()
  |> keep(columns: ["_time", "site", "device"])
  |> group(columns: ["site", "device"])
  |> max(column: "_time")
  |> group()
  |> sort(columns: ["_time"])
  |> rename(columns: {_time: "last seen"})`;

export const alerts = `from(bucket: "${buckets.alerts}")
  |> ${range}
  |> filter(fn: (r) => r._measurement == "alert" and ${chosenDevices})
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> keep(columns: ["_time", "site", "device", "sensor", "rule", "state", "severity", "value", "threshold", "message"])
  |> group()
  |> sort(columns: ["_time"], desc: true)
  |> limit(n: 200)
  |> rename(columns: {_time: "time"})`;

/** Of each outbox's pack numbers up to the newest that arrived: how many are there. */
export const completeness = `ledger = (field) => from(bucket: "${buckets.state}")
  |> range(start: 1970-01-01T00:00:00Z)
  |> filter(fn: (r) => r._measurement == "ledger" and r._field == field and ${chosenDevices})
  |> keep(columns: ["_value", "_field", "site", "device", "epoch"])

union(tables: [
  ledger(field: "received") |> sum(),
  ledger(field: "expected") |> max(),
])
  |> pivot(rowKey: ["site", "device", "epoch"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> map(fn: (r) => ({r with completeness: float(v: r.received) / float(v: r.expected)}))
  |> keep(columns: ["site", "device", "epoch", "received", "expected", "completeness"])
  |> sort(columns: ["completeness", "site", "device"])`;

/** What the variables of the dashboard offer. */
export const variableQueries = {
  site: `import "influxdata/influxdb/schema"
schema.tagValues(bucket: v.defaultBucket, tag: "site", start: -7d)`,
  device: `import "influxdata/influxdb/schema"
schema.tagValues(bucket: v.defaultBucket, tag: "device", predicate: (r) => ${chosenSites}, start: -7d)`,
  quantity: `import "influxdata/influxdb/schema"
schema.tagValues(bucket: v.defaultBucket, tag: "_measurement", predicate: (r) => ${chosenDevices}, start: -7d)`,
} as const;
