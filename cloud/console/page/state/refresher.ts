/**
 * Runs one request after another, never two at once: asked while one runs, it runs once more behind it. At least
 * `pauseMs` lie between two starts.
 */
export class Refresher {
  private running = false;
  private again = false;
  private lastMs = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `refresh` handles its own failures. */
  constructor(
    private readonly refresh: () => Promise<void>,
    private readonly pauseMs: number,
  ) {}

  request(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    if (this.timer !== undefined) return;
    const waitMs = Math.max(0, this.lastMs + this.pauseMs - performance.now());
    this.timer = setTimeout(() => void this.run(), waitMs);
  }

  private async run(): Promise<void> {
    this.timer = undefined;
    this.running = true;
    this.lastMs = performance.now();
    await this.refresh();
    this.running = false;
    if (!this.again) return;
    this.again = false;
    this.request();
  }
}
