import type { DeviceId } from '#core/contract/names.js';
import type { Reading } from '#core/contract/reading.js';
import type { RefusedReason } from './refused.js';

/** A message that is not in our contract, on a topic that a configured source takes. */
export interface ForeignMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** A broker kept it from before: a value in it without a time of its own is of no known time. */
  readonly retained: boolean;
  readonly receivedUs: number;
  /** A dead letter that is tried again: out of its order, and nobody waits for replies. */
  readonly replayed: boolean;
}

/** A reading with what a catalogue would say of its sensor, as far as the message tells. */
export interface ForeignReading extends Reading {
  /** The message told no time, so `timeUs` is that of its receipt. */
  readonly atReceipt?: true;
  /** As in `SensorDescription`; anything else is made one. */
  readonly quantity?: string | undefined;
  /** A unit of the SenML registry; any other text becomes a label. */
  readonly unit?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What a message says of one device. */
export interface ForeignBatch {
  readonly device: DeviceId;
  readonly readings: readonly ForeignReading[];
  /** Set where the message tells that the device came or went. */
  readonly presence?: 'online' | 'offline';
}

/** A part of a message that cannot be read, while the rest can. */
export interface ForeignRefusal {
  readonly reason: RefusedReason;
  /** One sentence for a person. */
  readonly detail: string;
  readonly readings: number;
}

/** What the gateway publishes because of a message, once that message is durable: a rebirth request. */
export interface ForeignReply {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface ForeignDecoded {
  readonly batches: readonly ForeignBatch[];
  /** If there are any, the whole message is kept as a dead letter, beside what was taken of it. */
  readonly refused?: readonly ForeignRefusal[];
  readonly replies?: readonly ForeignReply[];
}

/** What a source has said on a topic, retained, for as long as the gateway takes messages: that a host is there. */
export interface ForeignNotice {
  readonly topic: string;
  /** `sinceMs` is when the gateway began to take messages, in milliseconds since 1970. */
  readonly payload: (isOnline: boolean, sinceMs: number) => Uint8Array;
}

/** One configured source. It may keep what the protocol needs from message to message, bounded, and nothing else. */
export interface ForeignDecoder {
  /** Throws ContractError, whose code is the dead letter's reason, and nothing else. */
  decode(message: ForeignMessage): ForeignDecoded;
  readonly notice?: ForeignNotice | undefined;
}
