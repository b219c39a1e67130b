import type { Point } from '#core/contract/reading.js';
import { RejectedError } from '#core/runtime/errors.js';

/** A point that InfluxDB will never take, by its place in the batch. */
export interface RejectedPoint {
  /** The index in `batch.packs`. */
  readonly pack: number;
  /** The index in that pack's points. */
  readonly index: number;
  readonly point: Point;
  /** What InfluxDB said. */
  readonly detail: string;
}

/**
 * Some points of a batch were refused. All others are stored; no pack of the batch is in the ledger yet, so the same
 * batch without the named points completes it.
 */
export class PointsRejectedError extends RejectedError {
  constructor(
    readonly points: readonly RejectedPoint[],
    options?: ErrorOptions,
  ) {
    const [first] = points;
    const example = first ? `; the first: ${first.point.sensor} at ${first.point.timeUs}: ${first.detail}` : '';
    super('refused', `InfluxDB refused ${points.length} points${example}`, options);
  }
}
