/** The time ranges of the charts page. */
export const presets = [
  { from: '-5m', label: '5 min' },
  { from: '-15m', label: '15 min' },
  { from: '-1h', label: '1 h' },
  { from: '-6h', label: '6 h' },
  { from: '-24h', label: '24 h' },
  { from: '-7d', label: '7 d' },
  { from: '-30d', label: '30 d' },
] as const;

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The width in milliseconds of a relative start such as `-15m`; undefined for anything else. */
export function relativeMs(from: string): number | undefined {
  const match = /^-(\d{1,5})([smhd])$/.exec(from);
  return match ? Number(match[1]) * unitMs[match[2]!]! : undefined;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  /** It ends at the present and moves with it. */
  readonly live: boolean;
}

/** What is shown for `from` and `to` (a relative start, or ISO times); undefined if they make no span. */
export function resolveSpan(from: string, to: string, nowMs: number): Span | undefined {
  const width = relativeMs(from);
  const toMs = to === '' ? nowMs : Date.parse(to);
  const fromMs = width === undefined ? Date.parse(from) : toMs - width;
  if (Number.isNaN(toMs) || Number.isNaN(fromMs) || fromMs >= toMs) return undefined;
  return { fromMs, toMs, live: to === '' };
}

export const tierMs = { raw: 0, '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 } as const;
