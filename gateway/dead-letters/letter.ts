import type { LetterMark, LetterPosition } from '#core/contract/dead-letter.js';
import type { StoredRecord } from '#core/log/log.js';

/** A dead letter without its bytes, as it is listed. */
export interface Letter {
  readonly position: LetterPosition;
  readonly partition: number;
  readonly offset: number;
  /** `<site>/<device>`, or `<source>/<sender>` of a foreign message. */
  readonly key: string;
  readonly reason: string;
  readonly detail: string;
  readonly stage: string;
  /** The MQTT topic, or the place in the log, that it came from. */
  readonly source: string;
  readonly receivedUs: number;
  readonly setAsideUs: number;
  readonly bytes: number;
}

/** What became of it when it was tried again last. */
export interface LetterTrial {
  readonly outcome: LetterMark['mark'];
  readonly id: string;
  readonly reason: string;
  readonly detail: string;
  readonly atUs: number;
}

/** `open`: never tried again; `failed`: tried, and it failed later on; `replayed`: on its way, or stored. */
export const letterStates = ['open', 'failed', 'replayed'] as const;
export type LetterState = (typeof letterStates)[number];

export interface ListedLetter extends Letter {
  readonly state: LetterState;
  readonly trial: LetterTrial | null;
}

export function letterOf(partition: number, record: StoredRecord): Letter {
  const { key, value, offset, appendedUs, headers = {} } = record;
  const { reason = 'unknown', detail = '', stage = 'unknown', source = '', receivedUs } = headers;
  return {
    ...{ position: `${partition}/${offset}`, partition, offset, key, reason, detail, stage, source },
    receivedUs: Number(receivedUs) || appendedUs,
    setAsideUs: appendedUs,
    bytes: value.byteLength,
  };
}
