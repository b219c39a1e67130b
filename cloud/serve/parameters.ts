import { z } from 'zod';
import { nameSchema, parseSeriesKey } from '#core/contract/names.js';
import type { TimeRange } from '../store/store.js';
import { ProblemError, type ParameterFault } from './problem.js';

/** A moment as a caller writes it; a relative one is resolved when the request is answered. */
export type Moment = { readonly us: number } | { readonly agoUs: number };

const unitUs = { s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6, w: 604_800e6 } as const;
// A date, or a date and time with its offset: without one a time would mean what the server's zone says.
const isoPattern = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;
const relativePattern = /^-(\d{1,9})([smhdw])$/;
const help = 'not integer microseconds, ISO 8601 with an offset, or relative such as -15m';

/** `now`, integer microseconds since the Unix epoch, ISO 8601 with its offset, or relative as in `-15m`. */
export const momentSchema = z.string().transform((text, context): Moment => {
  const moment = parseMoment(text);
  if (moment) return moment;
  context.addIssue({ code: 'custom', message: help, input: text });
  return z.NEVER;
});

function parseMoment(text: string): Moment | undefined {
  if (text === 'now') return { agoUs: 0 };
  const relative = relativePattern.exec(text);
  if (relative) return { agoUs: Number(relative[1]) * unitUs[relative[2] as keyof typeof unitUs] };
  if (/^-?\d{1,16}$/.test(text)) return Number.isSafeInteger(Number(text)) ? { us: Number(text) } : undefined;
  if (!isoPattern.test(text)) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  // Date knows milliseconds only; the digits behind them are ours.
  const micros = /\.\d{3}(\d{1,3})/.exec(text)?.[1]?.padEnd(3, '0') ?? '0';
  return { us: Math.floor(ms) * 1000 + Number(micros) };
}

/** Resolves a range; `to` is now unless given. Throws a ProblemError if nothing lies between. */
export function resolveRange(
  given: { from?: Moment | undefined; to?: Moment | undefined },
  nowUs: number,
  defaultFrom: Moment,
): TimeRange {
  const at = (moment: Moment): number => ('us' in moment ? moment.us : nowUs - moment.agoUs);
  const range = { fromUs: at(given.from ?? defaultFrom), toUs: at(given.to ?? { agoUs: 0 }) };
  if (range.fromUs < range.toUs) return range;
  const detail = `from is not before to: ${range.fromUs} and ${range.toUs} microseconds`;
  throw badParameters([{ parameter: 'from', detail }]);
}

/** An integer of [1, max]. */
export function limitSchema(max: number, byDefault: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'not a whole number')
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= max, `must lie between 1 and ${max}`)
    .default(byDefault);
}

export const filterShape = {
  site: nameSchema.optional(),
  device: nameSchema.optional(),
  sensor: nameSchema.optional(),
};

/** `site/device/sensor` */
export const seriesKeySchema = z
  .string()
  .refine((text) => parseSeriesKey(text) !== undefined, 'not site/device/sensor');

/** The parameter `series` as often as wanted, up to 50 times. */
export const seriesListSchema = z.array(seriesKeySchema).max(50, 'more than 50 series');

/**
 * Checks the query of a request; those parameters whose schema is an array may stand in it more than once.
 * Throws a ProblemError with every fault; an unknown parameter is one.
 */
export function parseParameters<S extends z.ZodObject>(schema: S, query: URLSearchParams): z.infer<S> {
  const input: Record<string, unknown> = {};
  const faults: ParameterFault[] = [];
  for (const [name, known] of Object.entries(schema.shape)) {
    const values = query.getAll(name);
    if (known instanceof z.ZodArray) input[name] = values;
    else if (values.length > 1) faults.push({ parameter: name, detail: 'given more than once' });
    else if (values.length === 1) input[name] = values[0];
  }
  for (const name of new Set(query.keys())) {
    if (!Object.hasOwn(schema.shape, name)) faults.push({ parameter: name.slice(0, 64), detail: 'unknown parameter' });
  }
  const result = schema.safeParse(input);
  for (const issue of result.error?.issues ?? []) {
    const parameter = String(issue.path[0] ?? '');
    if (!faults.some((fault) => fault.parameter === parameter)) faults.push({ parameter, detail: issue.message });
  }
  if (!result.success || faults.length > 0) throw badParameters(faults);
  return result.data;
}

export function badParameters(faults: readonly ParameterFault[]): ProblemError {
  const detail = faults.map((fault) => `${fault.parameter}: ${fault.detail}`).join('; ');
  return new ProblemError(400, 'bad-parameter', detail, faults);
}
