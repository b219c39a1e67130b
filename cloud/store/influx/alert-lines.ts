import { alertSchema, type DeviceAlert } from '#core/contract/alert.js';
import type { AlertFilter } from '../store.js';
import { escapeText, floatText, stringText, unescapeText } from './fields.js';
import { fromBucket, matching, pivotFields, type Flux } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import { rowTimeUs } from './rollup-rows.js';
import { linePrefix } from './tag-set.js';

/** An alert in line protocol. Its tags and its time are its identity. */
export function alertLine(alert: DeviceAlert): string {
  const { site, device, sensor, rule, state, severity, value, threshold, message, timeUs } = alert;
  const numbers = `value=${floatText(value)},threshold=${floatText(threshold)}`;
  const texts = `severity="${severity}",message=${stringText(escapeText(message))}`;
  return `${linePrefix('alert', { site, device, sensor, rule, state })}${numbers},${texts} ${timeUs}`;
}

/** The newest alerts that match, the newest first. */
export function alertQuery(bucket: string, filter: AlertFilter): Flux {
  const { fromUs = Number.NEGATIVE_INFINITY, toUs = Number.POSITIVE_INFINITY, limit } = filter;
  const source = fromBucket(bucket, { fromUs, toUs }, 'r._measurement == "alert"', matching(filter));
  return `${source} |> ${pivotFields}
    |> group() |> sort(columns: ["_time"], desc: true) |> limit(n: ${Math.max(1, Math.trunc(limit))})`;
}

export function readAlert(row: FluxRow): DeviceAlert {
  const text = (column: string) => row.get(column) ?? '';
  const alert = alertSchema.parse({
    ...{ sensor: text('sensor'), rule: text('rule'), state: text('state'), severity: text('severity') },
    ...{ timeUs: rowTimeUs(row), value: Number(text('value')), threshold: Number(text('threshold')) },
    message: unescapeText(text('message')),
  });
  return { site: text('site'), device: text('device'), ...alert };
}
