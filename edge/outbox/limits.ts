/** How a byte budget is shared out; all in bytes. */
export interface OutboxLimits {
  /** LevelDB's write buffer: small, because two of them stand in memory, and the log on disk is as long. */
  readonly writeBufferBytes: number;
  readonly maxFileBytes: number;
  /** One synced commit takes appends up to about this much. */
  readonly batchBytes: number;
  /** Above it an append waits until space is reclaimed: what LevelDB needs while it compacts still fits the budget. */
  readonly hardBytes: number;
  /** Above it space is made, down to `lowBytes`, so that not every append has to. */
  readonly highBytes: number;
  readonly lowBytes: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Throws a RangeError if the budget is less than the reserve and 6 MiB more, or the reserve less than 1 MiB.
 * A reserve of 16 MiB is enough for any compaction (LevelDB keeps up to 10 MiB in its first level): with less, a disk
 * that others have filled to the last byte may have to be helped from outside.
 */
export function outboxLimits(maxBytes: number, reserveBytes: number): OutboxLimits {
  if (!(reserveBytes >= MiB)) throw new RangeError(`an outbox reserve of ${reserveBytes} bytes; at least 1 MiB`);
  if (!(maxBytes >= reserveBytes + 6 * MiB)) {
    throw new RangeError(`an outbox budget of ${maxBytes} bytes; at least the reserve and 6 MiB`);
  }
  const writeBufferBytes = clamp(Math.min(maxBytes / 128, reserveBytes / 64), 64 * KiB, MiB);
  const maxFileBytes = clamp(reserveBytes / 8, MiB, 4 * MiB);
  const batchBytes = clamp(writeBufferBytes, 64 * KiB, 256 * KiB);
  const hardBytes = maxBytes - 2 * maxFileBytes - 4 * writeBufferBytes - batchBytes;
  const slackBytes = clamp((hardBytes - reserveBytes) / 16, 128 * KiB, 8 * MiB);
  const highBytes = hardBytes - slackBytes;
  return { writeBufferBytes, maxFileBytes, batchBytes, hardBytes, highBytes, lowBytes: highBytes - slackBytes };
}

function clamp(value: number, low: number, high: number): number {
  return Math.floor(Math.min(high, Math.max(low, value)));
}
