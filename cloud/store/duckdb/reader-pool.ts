import type { Reader } from './reader.js';

/** Some connections for reading; who comes when all are in use waits for the next. */
export class ReaderPool {
  private readonly idle: Reader[];
  private readonly waiting: ((reader: Reader) => void)[] = [];

  constructor(private readonly readers: readonly Reader[]) {
    this.idle = [...readers];
  }

  async use<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    const reader = await this.take();
    try {
      return await work(reader);
    } finally {
      this.give(reader);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
    // Who still waits gets a closed connection, which says so.
    for (const next of this.waiting.splice(0)) next(this.readers[0]!);
  }

  private async take(): Promise<Reader> {
    return this.idle.pop() ?? new Promise((resolve) => this.waiting.push(resolve));
  }

  private give(reader: Reader): void {
    const next = this.waiting.shift();
    if (next) next(reader);
    else this.idle.push(reader);
  }
}

/** A connection for each long read, so that reads may be nested and a slow one holds up no other. */
export class ScanReaders {
  private readonly open = new Set<Reader>();

  constructor(private readonly connect: () => Promise<Reader>) {}

  async *use<T>(work: (reader: Reader) => AsyncGenerator<T>): AsyncGenerator<T> {
    const reader = await this.connect();
    this.open.add(reader);
    try {
      yield* work(reader);
    } finally {
      if (this.open.delete(reader)) await reader.close();
    }
  }

  async close(): Promise<void> {
    const readers = [...this.open];
    this.open.clear();
    await Promise.all(readers.map((reader) => reader.close()));
  }
}
