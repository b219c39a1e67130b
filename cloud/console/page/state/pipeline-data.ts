import type { ApiClient } from '../api/client.js';
import type { LiveFeed } from '../api/live-feed.js';
import type { PipelineView } from '../api/types.js';
import { Cell } from '../model/cell.js';
import { PointBuffer } from '../model/point-buffer.js';
import type { ServerClock } from '../model/server-clock.js';
import { StageRates, type StageFlow } from '../model/stage-flow.js';

export interface PipelineReport {
  readonly view: PipelineView;
  readonly flows: readonly StageFlow[];
}

const trendPoints = 180;

/** The state of the line, told once a second, and the last minutes of its few figures. */
export class PipelineData {
  readonly report = new Cell<PipelineReport | undefined>(undefined);
  readonly trends = {
    rate: new PointBuffer(trendPoints),
    p99: new PointBuffer(trendPoints),
    online: new PointBuffer(trendPoints),
    pending: new PointBuffer(trendPoints),
  };
  private readonly rates = new StageRates();

  constructor(
    private readonly api: ApiClient,
    private readonly live: LiveFeed,
    private readonly clock: ServerClock,
  ) {}

  start(): void {
    this.live.on('pipeline', (view) => this.heard(view));
    void this.loadFirst();
  }

  /** The stream speaks once a second; the first figures need not wait for it, and it brings them if this fails. */
  private async loadFirst(): Promise<void> {
    const view = await this.api.pipeline().catch(() => undefined);
    if (view && !this.report.value) this.heard(view);
  }

  private heard(view: PipelineView): void {
    const timeMs = view.timeUs / 1000;
    this.clock.hear(view.timeUs);
    this.trends.rate.push({ timeMs, value: view.readingsPerSecond });
    this.trends.p99.push({ timeMs, value: view.latencyMs?.p99 ?? NaN });
    this.trends.online.push({ timeMs, value: view.devicesOnline });
    this.trends.pending.push({ timeMs, value: view.outboxPending });
    this.report.set({ view, flows: this.rates.add(view) });
  }
}
