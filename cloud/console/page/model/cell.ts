/** A value that can be watched. Listeners are told of each `set`, in the order in which they came. */
export class Cell<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    this.current = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  /** Calls back for each later value, until the returned function is called. */
  watch(listener: (value: T) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Like {@link watch}, and at once with the present value. */
  follow(listener: (value: T) => void): () => void {
    listener(this.current);
    return this.watch(listener);
  }
}
