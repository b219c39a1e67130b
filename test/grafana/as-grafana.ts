import type { FluxQuery } from '../../grafana/dashboards/flux-query.js';

/** What a person has chosen on the dashboard. */
export interface Choice {
  readonly fromMs: number;
  readonly toMs: number;
  /** The width of one step of the chart. */
  readonly stepMs: number;
  /** Several values, or `all` where the variable has a pattern for it. */
  readonly variables: Readonly<Record<string, readonly string[] | 'all' | string>>;
  readonly defaultBucket: string;
}

/**
 * The query that Grafana sends for a panel's: first its front end puts in the variables (`public/app/features/
 * templating`), then its back end the macros (`pkg/tsdb/influxdb/flux/macros.go`). Throws for a variable that the
 * dashboard does not have.
 */
export function asGrafanaSends(query: string, choice: Choice): string {
  const withVariables = query.replace(/\$\{(\w+)(?::(\w+))?\}/g, (text, name: string, format: string | undefined) => {
    const chosen = choice.variables[name];
    if (chosen === undefined) throw new Error(`no variable for ${text}`);
    return format === 'regex' ? asRegex(chosen) : asGlob(chosen);
  });
  const time = (ms: number) => new Date(ms).toISOString();
  return withVariables
    .replaceAll('v.timeRangeStart', time(choice.fromMs))
    .replaceAll('v.timeRangeStop', time(choice.toMs))
    .replaceAll('v.windowPeriod', goDuration(choice.stepMs))
    .replaceAll('v.defaultBucket', `"${choice.defaultBucket}"`);
}

function asRegex(chosen: readonly string[] | string): string {
  if (chosen === 'all') return '.*';
  const escaped = [chosen].flat().map((value) => value.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&'));
  return escaped.length === 1 ? escaped[0]! : `(${escaped.join('|')})`;
}

function asGlob(chosen: readonly string[] | string): string {
  const values = [chosen].flat();
  return values.length === 1 ? values[0]! : `{${values.join(',')}}`;
}

/** As Go writes a duration: `1m0s`. */
function goDuration(ms: number): string {
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms / 1000) % 60];
  return `${hours > 0 ? `${hours}h` : ''}${ms >= 60_000 ? `${minutes}m` : ''}${seconds}s`;
}

/** An answer of InfluxDB, table by table. */
export interface AnswerTable {
  readonly types: ReadonlyMap<string, string>;
  readonly rows: readonly Record<string, string>[];
}

export interface Frame {
  readonly kind: 'series' | 'table';
  readonly labels: Readonly<Record<string, string>>;
  readonly field: string;
  readonly rows: readonly Record<string, string>[];
}

/**
 * What Grafana makes of an answer (`pkg/tsdb/influxdb/flux/builder.go`): a line where a table has a measurement, else a
 * table as it is. Throws where Grafana would fail.
 */
export function framesOf(tables: readonly AnswerTable[]): Frame[] {
  return tables.map(({ types, rows }) => {
    if (!types.has('_measurement')) return { kind: 'table', labels: {}, field: '', rows };
    for (const needed of ['_time', '_value', '_field']) {
      if (!types.has(needed)) throw new Error(`a line without ${needed}`);
    }
    const tags = [...types.keys()].filter((name) => !['', 'result', 'table'].includes(name) && !name.startsWith('_'));
    for (const tag of tags) if (types.get(tag) !== 'string') throw new Error(`${tag} of a line is not a tag`);
    const first = rows[0]!;
    return {
      kind: 'series',
      labels: Object.fromEntries(tags.map((tag) => [tag, first[tag]!])),
      field: first._field!,
      rows,
    };
  });
}

export type { FluxQuery };
