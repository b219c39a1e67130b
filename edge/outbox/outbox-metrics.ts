import type { Registry } from 'prom-client';
import { observe } from '#core/runtime/metrics.js';
import { cardLifetimeDays } from './card-wear.js';
import type { OutboxStatus } from './outbox.js';

export interface OutboxFigures {
  /** Undefined while the outbox is not open. */
  readonly status: () => OutboxStatus | undefined;
  readonly writtenBytes: () => number;
  /** {@link OutboxFigures.writtenBytes} in whole pages. */
  readonly wornBytes: () => number;
  readonly readingsIn: () => number;
  /** Since the start. */
  readonly elapsedMs: () => number;
  /** What may be written to the card before it wears out. */
  readonly enduranceBytes: number;
}

/** Gauges of one outbox, read when scraped. */
export function observeOutbox(registry: Registry, figures: OutboxFigures): void {
  const { status, writtenBytes, wornBytes, readingsIn, elapsedMs, enduranceBytes } = figures;
  const name = 'fieldline_edge_outbox';
  observe(registry, `${name}_disk_bytes`, 'Size on disk, garbage and reserve included', () => status()?.bytes ?? 0);
  observe(registry, `${name}_pending_packs`, 'Packs not yet acknowledged', () => status()?.pendingPacks ?? 0);
  observe(registry, `${name}_last_sequence`, 'The last number given out', () => status()?.lastSeq ?? -1);
  observe(registry, `${name}_written_bytes`, 'Bytes written to disk since the start', writtenBytes);
  observe(
    registry,
    `${name}_written_bytes_per_reading`,
    'Bytes written to disk for each reading since the start: what wears the card',
    () => (readingsIn() === 0 ? 0 : writtenBytes() / readingsIn()),
  );
  observe(registry, `${name}_card_bytes`, 'Bytes written to the card since the start, in whole pages', wornBytes);
  observe(
    registry,
    `${name}_card_lifetime_days`,
    'Days that the card lasts at the rate of writing since the start; what other programs write is not in it',
    () => cardLifetimeDays(enduranceBytes, wornBytes(), elapsedMs()),
  );
}
