import type { Json } from './json-value.js';

/** How a message writes its time. `auto`: ISO 8601 with a zone, or seconds, milliseconds, microseconds, nanoseconds by size. */
export const timeFormats = ['auto', 'iso', 's', 'ms', 'us', 'ns'] as const;
export type TimeFormat = (typeof timeFormats)[number];

const usOf = { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 } as const;
const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;

/** Microseconds since the Unix epoch; undefined if it is no time of this format. A text without a zone is none. */
export function toldTimeUs(told: Json | undefined, format: TimeFormat): number | undefined {
  if (typeof told === 'string' && (format === 'iso' || format === 'auto') && zoned.test(told)) return isoUs(told);
  const number =
    typeof told === 'number' ? told : typeof told === 'string' && /^\d+(\.\d+)?$/.test(told) ? Number(told) : NaN;
  if (!Number.isFinite(number) || format === 'iso') return undefined;
  const timeUs = Math.round(number * usOf[format === 'auto' ? bySize(number) : format]);
  return Number.isSafeInteger(timeUs) ? timeUs : undefined;
}

/** Times from 1973 to 5138 are told apart. */
function bySize(number: number): keyof typeof usOf {
  if (number < 1e11) return 's';
  if (number < 1e14) return 'ms';
  return number < 1e17 ? 'us' : 'ns';
}

/** `Date` knows milliseconds; the digits behind them are added. */
function isoUs(text: string): number | undefined {
  const ms = Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2').replace(/\.(\d{3})\d+/, '.$1'));
  const micros = /\.\d{3}(\d{1,3})/.exec(text)?.[1] ?? '';
  return Number.isNaN(ms) ? undefined : ms * 1000 + Number(micros.padEnd(3, '0'));
}
