import type { DeviceId } from '#core/contract/names.js';
import type { Reading } from '#core/contract/reading.js';

/** A message that is not in our contract, on a topic that a configured source takes. */
export interface ForeignMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
  readonly receivedUs: number;
}

/** A reading with what a catalogue would say of its sensor, as far as the message tells. */
export interface ForeignReading extends Reading {
  /** As in `SensorDescription`. */
  readonly quantity?: string;
  /** A unit of the SenML registry. */
  readonly unit?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a message says of one device. */
export interface ForeignBatch {
  readonly device: DeviceId;
  readonly readings: readonly ForeignReading[];
  /** Set where the message tells that the device came or went. */
  readonly presence?: 'online' | 'offline';
}

/** What the gateway publishes because of a message, once that message is durable: a rebirth request. */
export interface ForeignReply {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface ForeignDecoded {
  readonly batches: readonly ForeignBatch[];
  readonly replies?: readonly ForeignReply[];
}

/** One configured source. It may keep what the protocol needs from message to message, bounded, and nothing else. */
export interface ForeignDecoder {
  /** A closed list: a metric label, and the `type` of the source in the configuration. */
  readonly type: string;
  /** Filters as of a subscription, on which its messages come. */
  readonly filters: readonly string[];
  /** Throws ContractError, whose code is the dead letter's reason, and nothing else. */
  decode(message: ForeignMessage): ForeignDecoded;
}
