import { ContractError } from '#core/contract/contract-error.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { deadLetter } from './dead-letter.js';
import type { Decoded } from './decoded.js';
import { isForeign, laneOf, type ForeignArrival, type IncomingMessage, type MessageSink } from './message.js';
import { NewestBirths } from './newest-births.js';
import { decoders } from './registry.js';

export interface IntakeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A longer payload was cut on its way in; what is left of it is set aside. */
  readonly maxPayloadBytes: number;
  /** Makes records of what is not in our contract; may throw as a decoder does. The message to settle may be another. */
  readonly foreign?: (message: ForeignArrival) => { message: ForeignArrival; decoded: Decoded };
  /** Takes each message with what it became, for one sender in the order of arrival. */
  readonly next: (message: IncomingMessage, decoded: Decoded) => void;
  /** Also told of births at other gateways; its own unless given. */
  readonly births?: NewestBirths;
}

/** The event loop gets its turn after this long, so that packs which are slow to decode delay others by no more. */
const turnMs = 5;

/**
 * Decodes messages, one sender after the other: one that sends bombs waits for its own, and others are served
 * between them.
 */
export class Intake implements MessageSink {
  /** Senders with messages waiting, in the order of their turns. */
  private readonly ring = new Map<string, IncomingMessage[]>();
  private readonly births: NewestBirths;
  private scheduled = false;

  constructor(private readonly options: IntakeOptions) {
    this.births = options.births ?? new NewestBirths();
  }

  receive(message: IncomingMessage): void {
    const key = laneOf(message);
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
      const decoded = this.decode(message);
      next(decoded.message, decoded.decoded);
      if (clock.monotonicMs() >= endMs) break;
    }
    this.schedule();
  }

  /** What the message became, and the one to settle. */
  private decode(message: IncomingMessage): { message: IncomingMessage; decoded: Decoded } {
    const { maxPayloadBytes } = this.options;
    if (message.payload.byteLength > maxPayloadBytes) {
      const detail = `more than ${maxPayloadBytes} bytes; the rest was not kept`;
      return { message, decoded: deadLetter(message, 'too-large', detail, undefined, 'cut') };
    }
    try {
      if (isForeign(message)) return this.options.foreign!(message);
      return { message, decoded: decoders[message.topic.kind](message, this.births) };
    } catch (error) {
      return { message, decoded: this.failed(message, error) };
    }
  }

  private failed(message: IncomingMessage, error: unknown): Decoded {
    if (error instanceof ContractError) return deadLetter(message, error.code, error.message);
    this.options.logger.error({ err: error, sender: laneOf(message) }, 'a decoder failed: this is a fault');
    return deadLetter(message, 'decoder-failed', messageOf(error));
  }
}
