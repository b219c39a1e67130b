import type { ContractErrorCode } from '#core/contract/contract-error.js';
import type { LogRecord } from '#core/log/log.js';
import type { RefusedReadings, RefusedReason } from './foreign/refused.js';
import type { DeviceMessage } from './message.js';
import type { NewestBirths } from './newest-births.js';

/** Records of one topic, appended together. */
export interface RecordGroup {
  readonly topic: string;
  readonly records: readonly LogRecord[];
}

/** What one message becomes: records of one topic, appended together, or none. */
export interface Decoded {
  /** Records that must be durable before, group by group: announcements of a foreign device, a part set aside. */
  readonly before?: readonly RecordGroup[];
  /** The log topic; irrelevant where there are no records. */
  readonly topic: string;
  readonly records: readonly LogRecord[];
  /** Readings inside, for the counters. */
  readonly readings: number;
  /** Of the readings, those that were not taken. */
  readonly refused?: readonly RefusedReadings[];
  /** Set on a message that was set aside: the reason of its dead letter. */
  readonly reason?: DeadLetterReason;
  /** Set on a query for the time: the id that its answer must carry. */
  readonly timeQuery?: string;
  /** Of a pack: its number. */
  readonly number?: { readonly epoch: string; readonly seq: number };
  /** Of a birth or a heartbeat: the last number that the device gave out. */
  readonly outbox?: { readonly epoch: string; readonly lastSeq: number; readonly session: string };
  /** What became of it, for the message counter; a closed list. */
  readonly kind: MessageKind;
}

export type MessageKind =
  | 'pack'
  | 'alert'
  | 'birth'
  | 'heartbeat'
  | 'offline'
  | 'offline-ignored'
  | 'clock'
  | 'clock-query'
  | 'config-report'
  | 'release-report'
  | 'result'
  | 'result-unasked'
  | 'result-repeated'
  | 'foreign'
  | 'foreign-repeated'
  | 'dead-letter';

/**
 * Why the gateway sets a message aside: a code of the contract; `refused` by the log; `number-conflict`, where
 * another pack has its number and the device does not keep it; `decoder-failed` by a fault of
 * ours, so that the raw bytes can be replayed once it is mended.
 */
export type DeadLetterReason =
  ContractErrorCode | RefusedReason | 'unknown-device' | 'refused' | 'number-conflict' | 'decoder-failed';

/** Turns one message into records. Throws ContractError, whose code is the dead letter's reason, and nothing else. */
export type Decoder = (message: DeviceMessage, births: NewestBirths) => Decoded;
