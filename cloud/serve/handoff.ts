/** Hands items from a producer to one consumer; the producer waits until the item before was taken. */
export class Handoff<T> implements AsyncIterable<T> {
  private item: { value: T; taken: () => void } | undefined;
  private ended = false;
  private failure: unknown;
  private wake: () => void = () => undefined;

  /** Resolves when the consumer has come back for the next item, or has gone. */
  async put(value: T): Promise<void> {
    if (this.ended) return;
    await new Promise<void>((taken) => {
      this.item = { value, taken };
      this.wake();
    });
  }

  /** No more items; with `failure` the consumer's iteration throws it. */
  end(failure?: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = failure;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        while (!this.item && !this.ended) await new Promise<void>((resolve) => (this.wake = resolve));
        if (!this.item) break;
        yield this.item.value;
        this.release();
      }
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.ended = true;
      this.release();
    }
  }

  private release(): void {
    const taken = this.item?.taken;
    this.item = undefined;
    taken?.();
  }
}
