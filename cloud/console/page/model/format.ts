/** Numbers for people. A narrow no-break space stands between a number and its unit. */
const gap = '\u202f';

const symbols: Readonly<Record<string, string>> = {
  Cel: '°C',
  K: 'K',
  '%RH': '% RH',
  '/100': '%',
  '%EL': '%',
  '/': '',
  count: '',
  deg: '°',
  lat: '°',
  lon: '°',
  Ohm: 'Ω',
  'm/s2': 'm/s²',
  'W/m2': 'W/m²',
  'cd/m2': 'cd/m²',
  'kg/m3': 'kg/m³',
  'm3/s': 'm³/s',
  m2: 'm²',
  m3: 'm³',
  '1/s': '/s',
  '1/min': '/min',
  'beat/min': 'bpm',
};

/** The sign for a SenML unit: `Cel` is °C, `/100` is %, a ratio or a count has none. */
export function unitSymbol(unit: string): string {
  return symbols[unit] ?? unit;
}

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(undefined, options)));
  return format;
}

/** At most `digits` significant digits, and never fewer than the whole part has; very small or large in scientific form. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) {
    return numberFormat({ notation: 'scientific', maximumSignificantDigits: 3 }).format(value);
  }
  const whole = size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
  const decimals = size > 0 && size < 1 ? digits + 1 : Math.max(0, digits - whole);
  const options: Intl.NumberFormatOptions =
    size > 0 && size < 1
      ? { maximumSignificantDigits: digits - 1, maximumFractionDigits: decimals }
      : { maximumFractionDigits: decimals };
  return numberFormat(options).format(value);
}

/** A whole number: grouped up to a million, then shortened (`1.24M`). */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '–';
  if (Math.abs(count) < 1e6) return numberFormat({ maximumFractionDigits: 0 }).format(count);
  return numberFormat({ notation: 'compact', minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(count);
}

/** A number and its prefix or unit, apart, so that a page may set them in two sizes. */
export interface Measure {
  readonly number: string;
  readonly unit: string;
}

export function joined({ number, unit }: Measure): string {
  return unit === '' ? number : `${number}${unit === '°' ? '' : gap}${unit}`;
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytesMeasure(bytes: number, digits = 3): Measure {
  const step = Math.min(byteUnits.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3)));
  return { number: formatNumber(bytes / 1000 ** step, digits), unit: byteUnits[step]! };
}

/** Decimal prefixes: 1 kB is 1,000 bytes. */
export function formatBytes(bytes: number): string {
  return joined(bytesMeasure(bytes));
}

/** A value in a SenML unit, as a number and the unit's sign. Bytes get a prefix. */
export function measure(value: number, unit: string, digits?: number): Measure {
  if (unit === 'B') return bytesMeasure(value, digits);
  if (unit === 'B/s') {
    const bytes = bytesMeasure(value, digits);
    return { number: bytes.number, unit: `${bytes.unit}/s` };
  }
  return { number: formatNumber(value, digits), unit: unitSymbol(unit) };
}

/** Any value of a reading with its unit; text and booleans as they are, a missing one as a dash. */
export function formatValue(value: number | string | boolean | null | undefined, unit: string): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' ? value : joined(measure(value, unit));
}

export function rateMeasure(perSecond: number): Measure {
  if (perSecond >= 10_000) return { number: formatNumber(perSecond / 1000, 3), unit: 'k/s' };
  return { number: formatNumber(perSecond, perSecond >= 100 ? 4 : 3), unit: '/s' };
}

export function formatRate(perSecond: number): string {
  return joined(rateMeasure(perSecond));
}

export function durationMeasure(ms: number): Measure {
  if (ms < 1) return { number: formatNumber(ms, 3), unit: 'ms' };
  if (ms < 1000) return { number: formatNumber(ms, 3), unit: 'ms' };
  if (ms < 60_000) return { number: formatNumber(ms / 1000, 3), unit: 's' };
  if (ms < 3_600_000) return { number: formatNumber(ms / 60_000, 2), unit: 'min' };
  if (ms < 86_400_000) return { number: formatNumber(ms / 3_600_000, 2), unit: 'h' };
  return { number: formatNumber(ms / 86_400_000, 2), unit: 'd' };
}

export function formatDuration(ms: number): string {
  return joined(durationMeasure(ms));
}

/** 0 to 1 as percent. It is rounded down, so that 100 % means that nothing is missing. */
export function shareMeasure(share: number | null): Measure {
  if (share === null || !Number.isFinite(share)) return { number: '–', unit: '' };
  const percent = Math.floor(share * 1e4 + 1e-7) / 100;
  return { number: numberFormat({ maximumFractionDigits: 2 }).format(percent), unit: '%' };
}

export function formatShare(share: number | null): string {
  return joined(shareMeasure(share));
}

/** Inclusive ranges of pack numbers: `12–14, 20`, and how many more there are. */
export function formatRanges(ranges: readonly (readonly [number, number])[], shown = 3): string {
  const text = ranges
    .slice(0, shown)
    .map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`))
    .join(', ');
  return ranges.length > shown ? `${text} and ${ranges.length - shown} more` : text;
}

/** How many numbers the inclusive ranges hold. */
export function rangesCount(ranges: readonly (readonly [number, number])[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
