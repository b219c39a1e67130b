import type { Clock } from '#core/runtime/clock.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { ForeignNotice } from './foreign.js';

export interface ForeignNoticesOptions {
  readonly notices: readonly ForeignNotice[];
  readonly clock: Clock;
  readonly publishRetained: (topic: string, payload: Uint8Array) => Promise<void>;
}

/** Says while the broker is open what sources want said: started after it, and stopped before it. */
export class ForeignNotices implements Part {
  private sinceMs: number | undefined;

  constructor(private readonly options: ForeignNoticesOptions) {}

  async start(): Promise<void> {
    if (this.sinceMs !== undefined) return;
    this.sinceMs = Math.floor(this.options.clock.nowUs() / 1000);
    await this.say(true, this.sinceMs);
  }

  async stop(): Promise<void> {
    const { sinceMs } = this;
    this.sinceMs = undefined;
    if (sinceMs !== undefined) await this.say(false, sinceMs);
  }

  private async say(isOnline: boolean, sinceMs: number): Promise<void> {
    const { notices, publishRetained } = this.options;
    for (const { topic, payload } of notices) await publishRetained(topic, payload(isOnline, sinceMs));
  }
}
