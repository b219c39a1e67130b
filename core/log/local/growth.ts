/** Wakes those who wait for a condition that `notify` says may have become true. */
export class Growth {
  private waiting: (() => void)[] = [];

  /** Resolves when `reached` is true, or when `signal` aborts. */
  async wait(reached: () => boolean, signal: AbortSignal): Promise<void> {
    while (!reached() && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.waiting.push(wake);
        signal.addEventListener('abort', wake);
      });
    }
  }

  notify(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}
