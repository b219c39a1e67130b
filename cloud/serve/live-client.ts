import type { ServerResponse } from 'node:http';

const retryMs = 2000;
const maxPendingChars = 256 * 1024;

/** One connection of the live stream. What it has not taken yet is bounded: a client that falls behind is cut off. */
export class LiveClient {
  readonly series: ReadonlySet<string>;
  private pending: string[] = [];
  private pendingChars = 0;

  constructor(
    private readonly outgoing: ServerResponse,
    series: readonly string[],
    private readonly maxBytes: number,
    private readonly onDropped: () => void,
  ) {
    this.series = new Set(series);
  }

  /** Tells the browser when to come again, and that the stream stands. */
  open(): void {
    this.write(`retry: ${retryMs}\n: connected\n\n`);
  }

  /** `text` is the JSON of one point. */
  reading(text: string): void {
    this.pending.push(text);
    this.pendingChars += text.length;
    if (this.pendingChars >= maxPendingChars) this.flush();
  }

  flush(): void {
    if (this.pending.length === 0) return;
    const points = this.pending.join(',');
    this.pending = [];
    this.pendingChars = 0;
    this.send('readings', `{"points":[${points}]}`);
  }

  /** `data` is JSON, so it has no line break. */
  send(event: string, data: string): void {
    this.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  keepAlive(): void {
    this.write(': keep-alive\n\n');
  }

  end(): void {
    this.flush();
    if (!this.outgoing.destroyed) this.outgoing.end();
  }

  private write(text: string): void {
    if (this.outgoing.destroyed || this.outgoing.writableEnded) return;
    if (this.outgoing.writableLength > this.maxBytes) {
      this.onDropped();
      this.outgoing.destroy();
      return;
    }
    this.outgoing.write(text);
  }
}
