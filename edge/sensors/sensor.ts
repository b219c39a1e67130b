import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Part } from '#core/runtime/lifecycle.js';

/**
 * A source of readings: one driver instance, which may have several channels.
 *
 * `start` opens the device and throws RetryableError while it is not there, FatalError if it never can be.
 * `read` is called on a schedule and never twice at once; it samples every channel once and stamps each value at the
 * moment of its measurement. It resolves with what it got: a channel that failed has quality `bad` or is absent, and
 * never fails the others. It rejects only if the whole source failed; the caller backs off, and calls `start` again.
 *
 * A source that speaks by itself (serial lines, MQTT) keeps what came since the last `read`, in order and with the stamps
 * of its arrival, up to a bound; `read` hands it over. What it had to leave out it counts under a reason.
 */
export interface Sensor extends Part {
  /** Channel name to description; constant after `start`. */
  readonly channels: Readonly<Record<string, SensorDescription>>;
  read(): Promise<Reading[]>;
  /** Reason to number of readings that were measured and left out since the last call. */
  takeDropped?(): ReadonlyMap<string, number>;
  /** For the status page, in a few words: how far it is, or that it has come to its end. */
  detail?(): string;
}
