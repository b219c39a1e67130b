import { ContractError } from '#core/contract/contract-error.js';
import { deviceKey } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { deadLetter } from './dead-letter.js';
import type { Decoded } from './decoded.js';
import type { DeviceMessage, MessageSink } from './message.js';
import { NewestBirths } from './newest-births.js';
import { decoders } from './registry.js';

export interface IntakeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A longer payload was cut on its way in; what is left of it is set aside. */
  readonly maxPayloadBytes: number;
  /** Takes each message with what it became, for one device in the order of arrival. */
  readonly next: (message: DeviceMessage, decoded: Decoded) => void;
}

/** The event loop gets its turn after this long, so that packs which are slow to decode delay others by no more. */
const turnMs = 5;

/**
 * Decodes messages, one device after the other: a device that sends bombs waits for its own, and others are served
 * between them.
 */
export class Intake implements MessageSink {
  /** Devices with messages waiting, in the order of their turns. */
  private readonly ring = new Map<string, DeviceMessage[]>();
  private readonly births = new NewestBirths();
  private scheduled = false;

  constructor(private readonly options: IntakeOptions) {}

  receive(message: DeviceMessage): void {
    const key = deviceKey(message.topic);
    const waiting = this.ring.get(key);
    if (waiting) waiting.push(message);
    else this.ring.set(key, [message]);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.ring.size === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.turn();
    });
  }

  private turn(): void {
    const { clock, next } = this.options;
    const endMs = clock.monotonicMs() + turnMs;
    for (const [key, waiting] of this.ring) {
      const message = waiting.shift()!;
      // Behind the others: a Map visits what is added while it is walked.
      this.ring.delete(key);
      if (waiting.length > 0) this.ring.set(key, waiting);
      next(message, this.decode(message));
      if (clock.monotonicMs() >= endMs) break;
    }
    this.schedule();
  }

  private decode(message: DeviceMessage): Decoded {
    const { maxPayloadBytes } = this.options;
    if (message.payload.byteLength > maxPayloadBytes) {
      return deadLetter(message, 'too-large', `more than ${maxPayloadBytes} bytes; the rest was not kept`);
    }
    try {
      return decoders[message.topic.kind](message, this.births);
    } catch (error) {
      if (error instanceof ContractError) return deadLetter(message, error.code, error.message);
      this.options.logger.error({ err: error, device: deviceKey(message.topic) }, 'a decoder failed: this is a fault');
      return deadLetter(message, 'decoder-failed', messageOf(error));
    }
  }
}
