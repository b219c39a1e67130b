import { messageOf } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';

/** Says once that something is away and once that it is back, however often it is tried in between. */
export class Outage {
  private away = new Set<string>();

  constructor(
    private readonly what: string,
    private readonly logger: Logger,
  ) {}

  /** Whether nothing is away now. */
  get over(): boolean {
    return this.away.size === 0;
  }

  /** `part` is what failed: a topic, a connection. The first failure of a part is logged, the others are not. */
  failed(part: string, error: unknown): void {
    if (this.away.has(part)) return;
    this.away.add(part);
    this.logger.error({ part, error: messageOf(error) }, `${this.what} is away: trying until it is back`);
  }

  worked(part: string): void {
    if (this.away.delete(part)) this.logger.info({ part }, `${this.what} is back`);
  }
}
