import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { BrokerLink } from './broker-link.js';

/** Publishes on their way at once. */
const atOnce = 50;

/** Configs that the broker has yet to take, the newest of each topic: they outlive connections, and come in any order. */
export class RetainedConfigs {
  private readonly pending = new Map<string, Uint8Array>();
  private readonly underway = new Set<string>();
  private link: BrokerLink | undefined;

  constructor(private readonly logger: Logger) {}

  get size(): number {
    return this.pending.size;
  }

  put(topic: string, payload: Uint8Array): void {
    this.pending.set(topic, payload);
    this.advance();
  }

  /** The broker can be told from now on; undefined: it cannot. */
  use(link: BrokerLink | undefined): void {
    this.link = link;
    this.underway.clear();
    this.advance();
  }

  private advance(): void {
    const { link } = this;
    if (!link) return;
    for (const [topic, payload] of this.pending) {
      if (this.underway.size >= atOnce) return;
      if (this.underway.has(topic)) continue;
      this.underway.add(topic);
      void this.send(link, topic, payload);
    }
  }

  private async send(link: BrokerLink, topic: string, payload: Uint8Array): Promise<void> {
    try {
      await link.publish(topic, payload, true);
      this.leave(topic, payload);
    } catch (error) {
      // Any other error is the end of the connection: the next one tells it.
      if (error instanceof RejectedError) {
        this.logger.error({ topic, error: messageOf(error) }, 'the broker does not take a config');
        this.leave(topic, payload);
      }
    }
    if (this.link !== link) return;
    this.underway.delete(topic);
    this.advance();
  }

  private leave(topic: string, payload: Uint8Array): void {
    if (this.pending.get(topic) === payload) this.pending.delete(topic);
  }
}
