import { fluxDateTime, fluxString } from '@influxdata/influxdb-client';
import type { SeriesFilter, TimeRange } from '../store.js';

/** Flux text that is complete and safe: every value in it went through the client's quoting. */
export type Flux = string;

/** A string literal; nothing in the text can end it. Flux has no escape for most control characters: no name has any. */
export function quoted(text: string): Flux {
  return fluxString(text.replace(/\p{Cc}/gu, '\ufffd')).toString();
}

/** What a Flux range can hold, in microseconds: 64 bits of nanoseconds. */
const edgeUs = 9_223_372_036_854_774;

/** `range(start: …, stop: …)`: from inclusive, to exclusive, exact to the microsecond. */
export function rangeOf({ fromUs, toUs }: TimeRange): Flux {
  return `range(start: ${timeLiteral(fromUs)}, stop: ${timeLiteral(toUs)})`;
}

function timeLiteral(timeUs: number): Flux {
  return fluxDateTime(isoMicroseconds(Math.min(edgeUs, Math.max(-edgeUs, timeUs)))).toString();
}

/** RFC 3339 with microseconds. */
export function isoMicroseconds(timeUs: number): string {
  const ms = Math.floor(timeUs / 1000);
  const rest = String(timeUs - ms * 1000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}

/** The microseconds of an RFC 3339 time in UTC, as Flux answers it; finer digits are cut off. */
export function parseTimeUs(text: string): number {
  const fraction = text.length > 20 ? Number(text.slice(20, -1).slice(0, 6).padEnd(6, '0')) : 0;
  return Date.parse(`${text.slice(0, 19)}Z`) * 1000 + fraction;
}

/** A predicate over `r`: every given name must match. `true` if none is given. */
export function matching(filter: SeriesFilter): Flux {
  const names = ['site', 'device', 'sensor'] as const;
  const terms = names.flatMap((name) => (filter[name] === undefined ? [] : [`r.${name} == ${quoted(filter[name])}`]));
  return terms.length === 0 ? 'true' : terms.join(' and ');
}

/** A predicate over `r`: one of the filters matches. */
export function matchingAny(filters: readonly SeriesFilter[]): Flux {
  return filters.length === 0 ? 'false' : anyOf(filters.map((filter) => `(${matching(filter)})`));
}

/** As a balanced tree: a chain of a few hundred is "nested too deep" for the compiler of Flux. */
function anyOf(terms: readonly string[]): Flux {
  if (terms.length === 1) return terms[0]!;
  const middle = terms.length >> 1;
  return `(${anyOf(terms.slice(0, middle))} or ${anyOf(terms.slice(middle))})`;
}

/** `from(bucket) |> range |> filter`, with further terms of the predicate. */
export function fromBucket(bucket: string, range: TimeRange, ...terms: readonly Flux[]): Flux {
  const predicate = terms.filter((term) => term !== 'true').map((term) => `(${term})`);
  const filter = predicate.length === 0 ? '' : ` |> filter(fn: (r) => ${predicate.join(' and ')})`;
  return `from(bucket: ${quoted(bucket)}) |> ${rangeOf(range)}${filter}`;
}

/** One row for each point, its fields as columns. */
export const pivotFields: Flux =
  'drop(columns: ["_start", "_stop"]) |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")';
