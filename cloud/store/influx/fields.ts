/** The type of every field that Fieldline writes to InfluxDB. A field never changes its type: InfluxDB would refuse it. */
export const fieldTypes = {
  /** A reading's number (booleans are 0 and 1), a window's mean, a rollup's mean. */
  value: 'float',
  sum: 'float',
  min: 'float',
  max: 'float',
  first: 'float',
  last: 'float',
  /** Of a window that has it. */
  p95: 'float',
  count: 'integer',
  /** The width of a window in microseconds. */
  spanUs: 'integer',
  /** Of a rollup of segments: the microseconds that `sum` is the integral over; 0 where nothing is left. */
  coveredUs: 'integer',
  /** Of a rollup that the store computed: the stamps behind `first` and `last`, so that parts of a bucket can be merged. */
  firstUs: 'integer',
  lastUs: 'integer',
  quality: 'string',
  /** Escaped by {@link escapeText}. */
  text: 'string',
  /** Of a rollup whose raw points are gone: the packs that were added since, so that a replay adds nothing. */
  applied: 'string',
  threshold: 'float',
  severity: 'string',
  message: 'string',
} as const;

export type FieldName = keyof typeof fieldTypes;

/** A float in line protocol: the shortest text that reads back as the same double, minus zero included. */
export function floatText(value: number): string {
  return value === 0 && 1 / value < 0 ? '-0' : String(value);
}

/** A string field in line protocol. */
export function stringText(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}

/**
 * Line ends do not survive a Flux answer: its CSV writes `\n` as `\r\n` and leaves `\r` out. So they are stored as the
 * two characters `\n` and `\r`, and a backslash as two.
 */
export function escapeText(text: string): string {
  return /[\\\r\n]/.test(text) ? text.replace(/[\\\r\n]/g, (c) => escapes.get(c)!) : text;
}

/** Reverses {@link escapeText}. */
export function unescapeText(stored: string): string {
  if (!stored.includes('\\')) return stored;
  return stored.replace(/\\([\\nr])/g, (_all, c: string) => (c === 'n' ? '\n' : c === 'r' ? '\r' : '\\'));
}

const escapes = new Map([
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
]);
