/** What must be undone when a view or a chart goes: subscriptions, timers, requests. */
export class Scope {
  private readonly abort = new AbortController();
  private readonly undo: (() => void)[] = [];

  /** Aborted when the scope ends: for `fetch` and `addEventListener`. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  add(...undo: (() => void)[]): void {
    this.undo.push(...undo);
  }

  /** Calls back every `ms` until the scope ends. */
  every(ms: number, callback: () => void): void {
    const timer = setInterval(callback, ms);
    this.add(() => clearInterval(timer));
  }

  end(): void {
    this.abort.abort();
    for (const undo of this.undo.splice(0).reverse()) undo();
  }
}
