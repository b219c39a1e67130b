import { z } from 'zod';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;

/** The milliseconds of `500ms`, `1.5s`, `5m`, `1h` or `7d`; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const match = pattern.exec(text.trim());
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}

/** The shortest text that {@link parseDurationMs} reads as `ms` milliseconds: 90000 is `90s`, 300000 `5m`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/**
 * A duration of a configuration file: `500ms`, `1s`, `5m`, `1h`, `7d`, or a bare number of milliseconds.
 * Parses to milliseconds, so the key it stands under ends in `Ms`, or says that it is a duration.
 */
export const durationSchema = z.union([z.number(), z.string()]).transform((value, context) => {
  const ms = typeof value === 'number' ? value : parseDurationMs(value);
  if (ms !== undefined && ms >= 0 && Number.isFinite(ms)) return ms;
  context.addIssue({ code: 'custom', input: value, message: 'not a duration such as 500ms, 10s, 5m, 1h or 7d' });
  return z.NEVER;
});

/** {@link durationSchema} within limits, given as durations: `durationBetween('10ms', '1h')`. */
export function durationBetween(least: string, greatest: string) {
  const [min, max] = [parseDurationMs(least), parseDurationMs(greatest)];
  if (min === undefined || max === undefined) throw new RangeError(`${least} and ${greatest} must be durations`);
  return durationSchema.refine((ms) => ms >= min && ms <= max, `must lie between ${least} and ${greatest}`);
}
