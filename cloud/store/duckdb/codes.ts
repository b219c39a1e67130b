import { forms, qualities, type Form, type Quality } from '#core/contract/reading.js';

/** The numbers that stand for forms and qualities in the file: the lists may grow at their end, never be reordered. */
export const formCodes = Object.fromEntries(forms.map((form, code) => [form, code])) as Record<Form, number>;
export const qualityCodes = Object.fromEntries(qualities.map((quality, code) => [quality, code])) as Record<
  Quality,
  number
>;

export const qualityBits = 0b111;

/**
 * DuckDB's run-length and constant compression take minus zero for zero, so that a column of both comes back as one.
 * These bits of `flags` keep them apart; they are in the order of the columns.
 */
export const minusZero = { value: 8, min: 16, max: 32, first: 64, last: 128 } as const;

export function isMinusZero(value: number): boolean {
  return value === 0 && 1 / value < 0;
}

export function formOf(code: number): Form {
  return forms[code]!;
}

export function qualityOf(flags: number): Quality {
  return qualities[flags & qualityBits]!;
}

/** The value as it was before compression. */
export function restoreZero(value: number, flags: number, bit: number): number {
  if (value !== 0) return value;
  return (flags & bit) === 0 ? 0 : -0;
}
