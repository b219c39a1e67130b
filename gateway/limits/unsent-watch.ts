/** A connection that is written to. */
export interface Writing {
  /** Bytes that were written and that its peer has not taken. */
  readonly unsentBytes: number;
  refuse(reason: 'slow-reader', detail: string): void;
}

export interface UnsentLimits {
  /** Of one connection, and of all together. */
  readonly maxBytes: number;
  readonly maxTotalBytes: number;
}

/** So long a connection may take nothing of what waits for it. */
const stallMs = 60_000;

/** Closes connections that do not read what they are sent. */
export class UnsentWatch {
  /** The fewest bytes that waited for each since then. */
  private readonly stalls = new WeakMap<Writing, { bytes: number; sinceMs: number }>();

  constructor(private readonly limits: UnsentLimits) {}

  /** To be called often. */
  sweep(connections: Iterable<Writing>, nowMs: number): void {
    let total = 0;
    let worst: Writing | undefined;
    for (const connection of connections) {
      const bytes = connection.unsentBytes;
      if (bytes === 0) {
        this.stalls.delete(connection);
        continue;
      }
      const fault = this.faultOf(connection, bytes, nowMs);
      if (fault !== undefined) {
        connection.refuse('slow-reader', fault);
        continue;
      }
      total += bytes;
      if (bytes > (worst?.unsentBytes ?? 0)) worst = connection;
    }
    if (total > this.limits.maxTotalBytes) worst!.refuse('slow-reader', 'too much waits for all readers together');
  }

  private faultOf(connection: Writing, bytes: number, nowMs: number): string | undefined {
    if (bytes > this.limits.maxBytes) return `${bytes} bytes wait for it to read`;
    const stall = this.stalls.get(connection);
    if (!stall || bytes < stall.bytes) this.stalls.set(connection, { bytes, sinceMs: nowMs });
    else if (nowMs - stall.sinceMs > stallMs) return 'it reads nothing of what it is sent';
    return undefined;
  }
}
