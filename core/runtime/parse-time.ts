/**
 * A time as data files write it, in microseconds since the Unix epoch: ISO 8601 with or without an offset, with a space
 * for the `T`, a date alone, or an epoch count, whose size tells seconds (fractions too), milliseconds, microseconds or
 * nanoseconds (1973 to 5138). Without an offset it is UTC. Undefined for anything else.
 */
export function parseTimeUs(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(trimmed)) return epochUs(Number(trimmed));
  const match = calendar.exec(trimmed);
  if (!match) return undefined;
  const [, date, hourMinute = '00:00', second = '00', fraction = '', zone = 'Z'] = match;
  const offset = /^[zZ]$/.test(zone) ? 'Z' : zone.replace(/^([+-]\d\d):?(\d\d)?$/, (_all, h, m) => `${h}:${m ?? '00'}`);
  const ms = Date.parse(`${date!.replaceAll('/', '-')}T${hourMinute}:${second}${offset}`);
  if (!Number.isFinite(ms)) return undefined;
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

const calendar =
  /^(\d{4}[-/]\d{2}[-/]\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?)?$/;

function epochUs(count: number): number | undefined {
  const size = Math.abs(count);
  const unit = [1e6, 1e3, 1, 1e-3].find((each) => size * each < 1e17);
  return unit === undefined ? undefined : Math.round(count * unit);
}
