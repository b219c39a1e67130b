import { logTopics } from './log-topics.js';

/** Where a letter stands in `dead-letters`: `<partition>/<offset>`. */
export type LetterPosition = string;

export function letterPosition(partition: number, offset: number): LetterPosition {
  return `${partition}/${offset}`;
}

/** The partition and the offset; undefined for anything else. */
export function parseLetterPosition(text: string): { partition: number; offset: number } | undefined {
  const match = /^(\d{1,6})\/(\d{1,15})$/.exec(text);
  return match ? { partition: Number(match[1]), offset: Number(match[2]) } : undefined;
}

/**
 * The header of a record that is on its way again: the position of its letter and, behind a space, which trial it is.
 * Whoever cannot take it says so in a mark.
 */
export const replayHeader = 'replay-of';

/** The header of a letter whose bytes end before the message did: nobody may take them for the whole. */
export const cutHeader = 'cut';

/** The header of a letter of a record of which the rest is stored already, under its number. */
export const partHeader = 'part';

/**
 * What became of a letter that was tried again. A mark is a record of `dead-letters` with the letter's key, no value and
 * these headers: it comes after its letter, and goes no earlier.
 */
export interface LetterMark extends Record<string, string> {
  mark: 'replayed' | 'failed';
  letter: LetterPosition;
  /** One trial may leave two marks, in any order; the one that says that it failed is right. */
  trial: string;
  /** A closed-list code as of a letter, where it failed. */
  reason: string;
  detail: string;
}

export function markRecord(key: string, mark: LetterMark): { key: string; value: Uint8Array; headers: LetterMark } {
  return { key, value: new Uint8Array(), headers: { ...mark, detail: mark.detail.slice(0, 500) } };
}

/** The mark that a record is; undefined for a letter. */
export function markOf(headers: Readonly<Record<string, string>> = {}): LetterMark | undefined {
  const { mark, letter, trial = '', reason = '', detail = '' } = headers;
  if ((mark !== 'replayed' && mark !== 'failed') || letter === undefined) return undefined;
  return { mark, letter, trial, reason, detail };
}

/** The mark of a record that failed on its way again; undefined if it is on its way for the first time. */
export function failedMark(
  { key, headers = {} }: { readonly key: string; readonly headers?: Readonly<Record<string, string>> },
  reason: string,
  detail: string,
) {
  const [letter, trial = ''] = headers[replayHeader]?.split(' ') ?? [];
  return letter === undefined ? undefined : markRecord(key, { mark: 'failed', letter, trial, reason, detail });
}

const { readings, alerts, deviceEvents } = logTopics;
const replayed: readonly string[] = [readings.name, alerts.name, deviceEvents.name];

/** Where a letter of a later stage came from: `<log topic>/<partition>/<offset>`, or `<log topic>/spool/<offset>`. */
export function logSource(source: string): { topic: string; partition: number; offset: number } | undefined {
  const match = /^([a-z-]+)\/(\d+|spool)\/(\d+)$/.exec(source);
  if (!match || !replayed.includes(match[1]!)) return undefined;
  return { topic: match[1]!, partition: match[2] === 'spool' ? -1 : Number(match[2]), offset: Number(match[3]) };
}
