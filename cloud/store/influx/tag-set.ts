import { fieldTypes } from './fields.js';

/** What beside (site, device, sensor) makes the tags of a point: changeable, and never identity. */
export interface TagSet {
  /** The measurement. */
  readonly quantity: string;
  /** Tag name and value, sorted by name. */
  readonly labels: readonly (readonly [name: string, value: string])[];
}

/** The labels that become tags unless told otherwise: the few that people group by. */
export const defaultLabelTags = ['floor', 'room', 'line', 'machine', 'city'];

const taken = new Set(['site', 'device', 'sensor', 'form', 'time', 'result', 'table', ...Object.keys(fieldTypes)]);

/** A label's tag name: a name that already means something in InfluxDB or to us is prefixed. */
export function labelTag(label: string): string {
  return taken.has(label) ? `label_${label}` : label;
}

export function tagSetOf(
  { quantity, labels }: { readonly quantity: string; readonly labels: Readonly<Record<string, string>> },
  labelTags: readonly string[],
): TagSet {
  const tags = labelTags.flatMap((label) => {
    const value = labels[label];
    return value === undefined ? [] : [[labelTag(label), tagValue(value)] as const];
  });
  return { quantity, labels: tags.sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** Line protocol has no escape for control characters in tags, and a backslash at the end would escape the comma. */
function tagValue(text: string): string {
  return text.replace(/[\\\u0000-\u001f\u007f]/g, '_');
}

export function sameTags(a: TagSet, b: TagSet): boolean {
  return tagSetKey(a) === tagSetKey(b);
}

function tagSetKey({ quantity, labels }: TagSet): string {
  return JSON.stringify([quantity, labels]);
}

/** `measurement,tag=value,… ` with the tags sorted by name, as InfluxDB takes them fastest. */
export function linePrefix(measurement: string, tags: Readonly<Record<string, string>>): string {
  const names = Object.keys(tags).sort();
  const text = names.map((name) => `,${name}=${escapeTag(tags[name]!)}`).join('');
  return `${escapeMeasurement(measurement)}${text} `;
}

function escapeTag(text: string): string {
  return /[,= ]/.test(text) ? text.replace(/[,= ]/g, '\\$&') : text;
}

function escapeMeasurement(text: string): string {
  return /[, ]/.test(text) ? text.replace(/[, ]/g, '\\$&') : text;
}
