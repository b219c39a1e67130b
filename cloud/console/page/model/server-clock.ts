/** The server's time, as far as the browser can know it: ages are told by the clock that stamped. */
export class ServerClock {
  private offsetUs = 0;

  constructor(private readonly nowMs: () => number) {}

  /** Hears the server's time as it was a moment ago. */
  hear(timeUs: number): void {
    this.offsetUs = timeUs - this.nowMs() * 1000;
  }

  nowUs(): number {
    return Math.round(this.nowMs() * 1000 + this.offsetUs);
  }
}
