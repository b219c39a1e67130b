import type { DeviceTopic, UpTopic } from '#core/contract/mqtt-topics.js';

/**
 * What became of a message: it is durable and may be acknowledged; or the device keeps it and sends it again, after
 * this gateway has ended, or on another connection because this one is `refused`.
 */
export type Outcome = 'stored' | 'returned' | 'refused';

/** What a device published, between its arrival and its acknowledgement. */
export interface DeviceMessage {
  /** Who speaks, as authenticated, and on which of its topics. */
  readonly topic: DeviceTopic & { readonly kind: UpTopic };
  readonly payload: Uint8Array;
  readonly receivedUs: number;
  /** Called once, for the messages of one device in the order of their arrival. */
  readonly settle: (outcome: Outcome) => void;
}

/** Takes what devices publish. Returns at once; `settle` tells the rest. */
export interface MessageSink {
  receive(message: DeviceMessage): void;
}
