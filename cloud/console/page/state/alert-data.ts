import type { ApiClient } from '../api/client.js';
import type { LiveFeed } from '../api/live-feed.js';
import type { DeviceAlert } from '../api/types.js';
import { AlertBook } from '../model/alert-book.js';
import { Cell } from '../model/cell.js';
import type { Loadable } from '../model/loadable.js';
import { keepOrFail } from './fleet-data.js';
import { Gatherer } from './gatherer.js';
import { Refresher } from './refresher.js';

/** How far back the history is asked for. */
export const alertHistory = 1000;

/** The alerts: the history once, then each new one as it comes. */
export class AlertData {
  readonly book = new Cell<Loadable<AlertBook>>({ state: 'loading' });
  /** What came live just now, the newest first. */
  readonly arrived = new Cell<readonly DeviceAlert[]>([]);
  private readonly known = new AlertBook(2 * alertHistory);
  private readonly refresher = new Refresher(() => this.load(), 1000);

  private readonly gatherer = new Gatherer<DeviceAlert>(100, (alerts) => this.heard(alerts));

  constructor(
    private readonly api: ApiClient,
    private readonly live: LiveFeed,
  ) {}

  start(): void {
    this.refresher.request();
    this.live.on('back', () => this.refresher.request());
    this.live.on('alert', (alert) => this.gatherer.add(alert));
  }

  private heard(alerts: readonly DeviceAlert[]): void {
    const fresh = this.known.add(alerts);
    if (fresh.length === 0) return;
    if (this.book.value.state === 'ready') this.publish();
    this.arrived.set([...fresh].sort((a, b) => b.timeUs - a.timeUs));
  }

  private async load(): Promise<void> {
    try {
      this.known.add(await this.api.alerts(alertHistory));
      this.publish();
    } catch (error) {
      keepOrFail(this.book, error);
    }
  }

  private publish(): void {
    this.book.set({ state: 'ready', value: this.known });
  }
}
