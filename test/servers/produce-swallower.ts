import { FrameSplitter, produceKey, requestHeader, responseCorrelationId, type RequestHeader } from './kafka-wire.js';
import type { Tap, TapVerdict } from './tcp-proxy.js';

/** Which produce responses to swallow, and what becomes of the connection. */
export interface SwallowOptions {
  /**
   * `close` resets the connection, so that the client knows at once that it does not know; `hang` keeps it open but
   * delivers nothing more on it, so that the client runs into its request timeout.
   */
  readonly then?: 'close' | 'hang';
  /** Only responses to requests that this accepts; `frame` is the whole request, records included. */
  readonly match?: (header: RequestHeader, frame: Buffer) => boolean;
}

interface Order {
  left: number;
  readonly options: SwallowOptions;
  readonly done: () => void;
}

/**
 * Makes a Kafka broker's acknowledgements disappear: the broker has written the records and answered, but the client
 * never learns it. Use `tap` as the tap of a `TcpProxy` whose port the broker advertises; one swallower may serve the
 * proxies of several brokers. Needs a connection without TLS.
 */
export class ProduceSwallower {
  #order: Order | undefined;
  #swallowed = 0;

  /** How many responses were swallowed so far. */
  get swallowed(): number {
    return this.#swallowed;
  }

  /**
   * Swallows the next `count` produce responses whose requests match, including those already under way.
   * Resolves when they are gone; a further call replaces the order before it, whose promise then never resolves.
   */
  swallow(count: number, options: SwallowOptions = {}): Promise<void> {
    return new Promise((done) => {
      this.#order = { left: count, options, done };
    });
  }

  /** Lets everything through again. Connections that already hang stay so. */
  forget(): void {
    this.#order = undefined;
  }

  /** A tap for one connection; bound, so that it can be handed over as `tap: swallower.tap`. */
  readonly tap = (): Tap => {
    const requests = new FrameSplitter();
    const responses = new FrameSplitter();
    const pending = new Map<number, { header: RequestHeader; frame: Buffer }>();
    return {
      toServer: (chunk) => {
        for (const frame of requests.push(chunk)) {
          const header = requestHeader(frame);
          if (header.apiKey === produceKey) pending.set(header.correlationId, { header, frame });
        }
        return chunk;
      },
      toClient: (chunk) => this.#filter(responses.push(chunk), pending),
    };
  };

  #filter(frames: Buffer[], pending: Map<number, { header: RequestHeader; frame: Buffer }>): Buffer | TapVerdict {
    const passed: Buffer[] = [];
    for (const frame of frames) {
      const id = responseCorrelationId(frame);
      const request = pending.get(id);
      pending.delete(id);
      const order = request && this.#claim(request.header, request.frame);
      // Kafka answers in order, so nothing may follow a response that is left out on the same connection. What came
      // before it in the same chunk goes with it: the network may lose that, too.
      if (order) return order.options.then === 'hang' ? 'silence' : 'close';
      passed.push(frame);
    }
    return Buffer.concat(passed);
  }

  #claim(header: RequestHeader, frame: Buffer): Order | undefined {
    const order = this.#order;
    if (order === undefined || !(order.options.match?.(header, frame) ?? true)) return undefined;
    this.#swallowed += 1;
    order.left -= 1;
    if (order.left === 0) {
      this.#order = undefined;
      order.done();
    }
    return order;
  }
}
