import type { Quality, Reading } from '../../contract/reading.js';

/** Whether nothing has been held against a reading yet: only then may a filter change its quality. */
export function isUndoubted({ quality }: Reading): boolean {
  return quality === 'good' || quality === 'uncertain';
}

/** The reading with another quality, unless it is known to be worse already. */
export function marked(reading: Reading, quality: Quality): Reading {
  return isUndoubted(reading) ? { ...reading, quality } : reading;
}
