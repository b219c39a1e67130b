import { Cell } from '../model/cell.js';
import type { DeviceAlert, DeviceView, LivePoint, PipelineView } from './types.js';

export interface LiveEvents {
  readonly readings: readonly LivePoint[];
  readonly alert: DeviceAlert;
  readonly device: DeviceView;
  readonly pipeline: PipelineView;
  /** The connection stands again after it was lost: what was missed must be asked for. */
  readonly back: undefined;
}

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `retryAtMs` by `performance.now()`. */
  | { readonly state: 'away'; readonly sinceMs: number; readonly retryAtMs: number };

export interface LiveFeedOptions {
  /** `/api/v1/live` */
  readonly url: string;
  readonly open: (url: string) => EventSource;
  /** The waits between tries, without end; asked anew after each success. */
  readonly delays: () => Iterator<number>;
  /** The server speaks once a second: silent for so long, the connection is dead though it stands. */
  readonly silentMs: number;
}

/** The most series that one connection may ask for. */
export const seriesPerFeed = 50;

/**
 * The one stream of live events. It comes back by itself, with growing waits: the browser's own way of reconnecting
 * knows neither, and gives up for good on an answer like 503.
 */
export class LiveFeed {
  readonly connection = new Cell<Connection>({ state: 'connecting' });
  private readonly listeners: { [K in keyof LiveEvents]?: Set<(event: LiveEvents[K]) => void> } = {};
  private source: EventSource | undefined;
  private series: readonly string[] = [];
  private delays: Iterator<number>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setInterval> | undefined;
  private heardMs = 0;

  constructor(private readonly options: LiveFeedOptions) {
    this.delays = options.delays();
  }

  start(): void {
    this.watchdog ??= setInterval(() => this.checkSilence(), 1000);
    this.connect();
  }

  stop(): void {
    clearInterval(this.watchdog);
    clearTimeout(this.timer);
    this.source?.close();
    this.watchdog = this.source = undefined;
  }

  /** Asks for the readings of these series, at most {@link seriesPerFeed}, in place of those before. */
  watch(series: readonly string[]): void {
    const wanted = series.slice(0, seriesPerFeed);
    if (wanted.join() === this.series.join()) return;
    this.series = wanted;
    // Going from one page to another asks for none and then for others: one new connection serves both.
    queueMicrotask(() => {
      if (this.watchdog && this.series === wanted && this.connection.value.state !== 'away') this.connect();
    });
  }

  on<K extends keyof LiveEvents>(event: K, listener: (event: LiveEvents[K]) => void): () => void {
    const set: Set<(event: LiveEvents[K]) => void> = (this.listeners[event] ??= new Set() as never);
    set.add(listener);
    return () => set.delete(listener);
  }

  /** For how long the connection has been away, in milliseconds; 0 while it is not. */
  awayMs(): number {
    const connection = this.connection.value;
    return connection.state === 'away' ? performance.now() - connection.sinceMs : 0;
  }

  retryNow(): void {
    this.connect();
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.heardMs = performance.now();
    const query = this.series.map((name) => `series=${encodeURIComponent(name)}`).join('&');
    const source = this.options.open(query === '' ? this.options.url : `${this.options.url}?${query}`);
    this.source = source;
    source.onopen = () => this.opened();
    source.onerror = () => this.lost();
    for (const kind of ['readings', 'alert', 'device', 'pipeline'] as const)
      source.addEventListener(kind, (event) => this.heard(kind, event as MessageEvent<string>));
  }

  private opened(): void {
    const before = this.connection.value.state;
    this.heardMs = performance.now();
    this.delays = this.options.delays();
    this.connection.set({ state: 'live' });
    if (before === 'away') this.emit('back', undefined);
  }

  private lost(): void {
    this.source?.close();
    this.source = undefined;
    clearTimeout(this.timer);
    const delayMs = this.delays.next().value ?? 15_000;
    const nowMs = performance.now();
    const before = this.connection.value;
    const sinceMs = before.state === 'away' ? before.sinceMs : nowMs;
    this.timer = setTimeout(() => this.connect(), delayMs);
    this.connection.set({ state: 'away', sinceMs, retryAtMs: nowMs + delayMs });
  }

  private heard(kind: 'readings' | 'alert' | 'device' | 'pipeline', event: MessageEvent<string>): void {
    this.heardMs = performance.now();
    const body = JSON.parse(event.data) as never;
    if (kind === 'readings') this.emit('readings', (body as { points: LivePoint[] }).points);
    else this.emit(kind, body);
  }

  private checkSilence(): void {
    if (this.source && performance.now() - this.heardMs > this.options.silentMs) this.lost();
  }

  private emit<K extends keyof LiveEvents>(event: K, value: LiveEvents[K]): void {
    const set: Set<(value: LiveEvents[K]) => void> | undefined = this.listeners[event];
    for (const listener of [...(set ?? [])]) listener(value);
  }
}
