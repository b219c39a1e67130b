import type { DeviceAlert } from '#core/contract/alert.js';
import { bucketStart, minuteUs } from '#core/contract/time.js';
import { ApiClient } from '#core/runtime/api-client.js';
import { alertKey, readExpected, type Expected } from './expected.js';

/** What became of a journal's readings. All counts but `expected`, `acknowledged`, `found` and `inDoubt` should be 0. */
export interface Verdict {
  readonly ok: boolean;
  readonly readings: {
    expected: number;
    acknowledged: number;
    found: number;
    /** Sent, never acknowledged, and not in the store: the sender still has them. */
    inDoubt: number;
    lost: number;
    duplicated: number;
    changed: number;
    /** In the store within the run's time, but never sent. */
    unexpected: number;
  };
  /** 1-minute buckets whose count is not the number of their raw readings, or that are missing. */
  readonly rollups: { buckets: number; wrong: number };
  readonly alerts: { expected: number; lost: number; duplicated: number };
  /** `replayed`: packs that stand in the log more than once, which ingest removed. `conflicting`: one number, two contents. */
  readonly log: { packs: number; missing: number; replayed: number; conflicting: number };
  /** A few of what is wrong, for a person. */
  readonly examples: string[];
}

type PointRow = [series: string, form: string, timeUs: number, value: number | string, ...rest: unknown[]];
type RollupRow = [series: string, timeUs: number, sum: number, weight: number, count: number, ...rest: unknown[]];
type LogRow = [
  partition: number,
  offset: number,
  site: string,
  device: string,
  epoch: string,
  seq: number,
  hash: string,
  readings: number,
];

/**
 * Compares the set of (series, time, value) in a journal with the store behind the HTTP API, and judges duplicates
 * where they can show: raw points, rollup counts, alerts, the log's content.
 */
export async function verify(journalPath: string, baseUrl: string): Promise<Verdict> {
  const expected = await readExpected(journalPath);
  const api = new ApiClient(baseUrl);
  const examples: string[] = [];
  const range = {
    site: expected.header.site,
    from: bucketStart(expected.fromUs, minuteUs),
    to: bucketStart(expected.toUs - 1, minuteUs) + minuteUs,
  };
  const { readings, bucketCounts } = await checkPoints(api, expected, range, examples);
  const rollups = await checkRollups(api, bucketCounts, range, examples);
  const alerts = await checkAlerts(api, expected, range, examples);
  const log = await checkLog(api, expected, examples);
  const wrong = [
    readings.lost,
    readings.duplicated,
    readings.changed,
    readings.unexpected,
    rollups.wrong,
    alerts.lost,
    alerts.duplicated,
    log.missing,
    log.conflicting,
  ];
  return { ok: wrong.every((count) => count === 0), readings, rollups, alerts, log, examples: examples.slice(0, 20) };
}

interface Range extends Record<string, string | number> {
  readonly site: string;
  readonly from: number;
  readonly to: number;
}

async function checkPoints(api: ApiClient, expected: Expected, range: Range, examples: string[]) {
  const readings = {
    expected: 0,
    acknowledged: 0,
    found: 0,
    inDoubt: 0,
    lost: 0,
    duplicated: 0,
    changed: 0,
    unexpected: 0,
  };
  const bucketCounts = new Map<string, number>();
  const bad = (kind: 'duplicated' | 'changed' | 'unexpected' | 'lost', what: string) => {
    readings[kind] += 1;
    if (examples.length < 20) examples.push(`${kind}: ${what}`);
  };
  for await (const [series, form, timeUs, value] of api.rows<PointRow>('/api/v1/export/points', {
    ...range,
    repeats: 'show',
  })) {
    if (form !== 'raw') continue;
    const bucket = `${series} ${bucketStart(timeUs, minuteUs)}`;
    const point = expected.points.get(series)?.get(timeUs);
    if (!point) {
      bucketCounts.set(bucket, (bucketCounts.get(bucket) ?? 0) + 1);
      if (timeUs >= expected.fromUs && timeUs < expected.toUs) bad('unexpected', `${series} at ${timeUs}`);
      continue;
    }
    point.seen += 1;
    if (point.seen > 1) bad('duplicated', `${series} at ${timeUs}`);
    else bucketCounts.set(bucket, (bucketCounts.get(bucket) ?? 0) + 1);
    if (value !== (typeof point.value === 'boolean' ? Number(point.value) : point.value)) {
      bad('changed', `${series} at ${timeUs}: ${point.value} became ${value}`);
    }
  }
  for (const [series, stamps] of expected.points) {
    for (const [timeUs, { pack, seen }] of stamps) {
      readings.expected += 1;
      readings.acknowledged += Number(pack.acked);
      if (seen > 0) readings.found += 1;
      else if (pack.acked) bad('lost', `${series} at ${timeUs} in pack ${pack.id}`);
      else readings.inDoubt += 1;
    }
  }
  return { readings, bucketCounts };
}

/** Every bucket must count each of its raw readings once: here a reading that was stored once and counted twice shows. */
async function checkRollups(api: ApiClient, bucketCounts: Map<string, number>, range: Range, examples: string[]) {
  const left = new Map(bucketCounts);
  let wrong = 0;
  for await (const [series, timeUs, , , count] of api.rows<RollupRow>('/api/v1/export/rollups', {
    ...range,
    tier: '1m',
  })) {
    const bucket = `${series} ${timeUs}`;
    const raw = left.get(bucket);
    left.delete(bucket);
    if (raw === count) continue;
    wrong += 1;
    if (examples.length < 20) examples.push(`rollup: ${bucket} counts ${count} for ${raw ?? 0} readings`);
  }
  for (const [bucket, raw] of left) {
    if (examples.length < 20) examples.push(`rollup: ${bucket} is missing, ${raw} readings`);
  }
  return { buckets: bucketCounts.size, wrong: wrong + left.size };
}

async function checkAlerts(api: ApiClient, expected: Expected, range: Range, examples: string[]) {
  const answer = await api.json<{ alerts: DeviceAlert[] }>('/api/v1/alerts', { ...range, limit: 10_000 });
  const seen = new Map<string, number>();
  for (const alert of answer.alerts) seen.set(alertKey(alert), (seen.get(alertKey(alert)) ?? 0) + 1);
  const alerts = { expected: expected.alerts.size, lost: 0, duplicated: 0 };
  for (const [key, pack] of expected.alerts) {
    const count = seen.get(key) ?? 0;
    if (count > 1) alerts.duplicated += 1;
    if (count === 0 && pack.acked) alerts.lost += 1;
    if ((count > 1 || (count === 0 && pack.acked)) && examples.length < 20)
      examples.push(`alert: ${key} stored ${count} times`);
  }
  return alerts;
}

async function checkLog(api: ApiClient, expected: Expected, examples: string[]) {
  const contents = new Map<string, { hash: string; times: number }>();
  const log = { packs: 0, missing: 0, replayed: 0, conflicting: 0 };
  for (const topic of ['sensor-readings', 'alerts']) {
    for await (const [, , site, device, epoch, seq, hash] of api.rows<LogRow>('/api/v1/export/log', {
      topic,
      site: expected.header.site,
    })) {
      const id = `${site}/${device}/${epoch}/${seq}`;
      if (!expected.packs.has(id)) continue;
      const known = contents.get(id);
      if (!known) contents.set(id, { hash, times: 1 });
      else if (known.hash === hash) known.times += 1;
      else log.conflicting += 1;
    }
  }
  log.packs = contents.size;
  for (const { times } of contents.values()) log.replayed += times - 1;
  for (const pack of expected.packs.values()) {
    if (!pack.acked || contents.has(pack.id)) continue;
    log.missing += 1;
    if (examples.length < 20) examples.push(`log: pack ${pack.id} was acknowledged and is missing`);
  }
  return log;
}
