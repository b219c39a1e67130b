import { ApiError, type ApiClient } from '../api/client.js';
import type { LiveFeed } from '../api/live-feed.js';
import type { DeviceView, SeriesRow } from '../api/types.js';
import { Cell } from '../model/cell.js';
import type { Loadable } from '../model/loadable.js';
import { Gatherer } from './gatherer.js';
import { Refresher } from './refresher.js';

/** More series than this the console does not list. */
export const maxSeries = 10_000;

/** The devices and their series: asked for at the start and after a break, and kept up by the live events. */
export class FleetData {
  readonly devices = new Cell<Loadable<readonly DeviceView[]>>({ state: 'loading' });
  readonly series = new Cell<Loadable<readonly SeriesRow[]>>({ state: 'loading' });
  private readonly known = new Map<string, DeviceView>();
  private readonly deviceRefresher = new Refresher(() => this.loadDevices(), 1000);
  private readonly seriesRefresher = new Refresher(() => this.loadSeries(), 3000);

  private readonly changes = new Gatherer<DeviceView>(100, (devices) => this.heard(devices));
  private units = new Map<string, string>();

  constructor(
    private readonly api: ApiClient,
    private readonly live: LiveFeed,
  ) {}

  start(): void {
    this.refresh();
    this.live.on('back', () => this.refresh());
    this.live.on('device', (device) => this.changes.add(device));
    // What no event tells: a device that fell silent, and the completeness that moved without a word of the device.
    setInterval(() => this.refreshDevices(), 5000);
    setInterval(() => this.seriesRefresher.request(), 60_000);
  }

  refresh(): void {
    this.deviceRefresher.request();
    this.seriesRefresher.request();
  }

  device(site: string, device: string): DeviceView | undefined {
    return this.known.get(`${site}/${device}`);
  }

  /** The unit of a series; none while it is not known. */
  unit(series: string): string {
    return this.units.get(series) ?? '';
  }

  /** A list of thousands is asked for less often. */
  private refreshDevices(): void {
    if (this.known.size < 500 || performance.now() % 30_000 < 5000) this.deviceRefresher.request();
  }

  private heard(devices: readonly DeviceView[]): void {
    for (const device of devices) {
      const key = `${device.site}/${device.device}`;
      if (this.known.get(key)?.sensors !== device.sensors) this.seriesRefresher.request();
      this.known.set(key, device);
    }
    if (this.devices.value.state === 'ready') this.publish();
  }

  private publish(): void {
    this.devices.set({ state: 'ready', value: [...this.known.values()] });
  }

  private async loadDevices(): Promise<void> {
    try {
      const devices = await this.api.devices();
      this.known.clear();
      for (const device of devices) this.known.set(`${device.site}/${device.device}`, device);
      this.publish();
    } catch (error) {
      keepOrFail(this.devices, error);
    }
  }

  private async loadSeries(): Promise<void> {
    try {
      const value = await this.api.series([], maxSeries);
      this.units = new Map(value.map(({ series, unit }) => [series, unit]));
      this.series.set({ state: 'ready', value });
    } catch (error) {
      keepOrFail(this.series, error);
    }
  }
}

/** The last data stays; the banner tells that the API is away. */
export function keepOrFail<T>(cell: Cell<Loadable<T>>, error: unknown): void {
  if (cell.value.state === 'ready') return;
  cell.set({ state: 'failed', message: error instanceof ApiError ? error.message : 'The answer cannot be read.' });
}
