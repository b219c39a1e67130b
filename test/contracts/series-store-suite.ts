import { afterAll, beforeAll, describe } from 'vitest';
import { alertCases } from './series-store/alerts.js';
import { crashCases } from './series-store/crash.js';
import { expiredCases } from './series-store/expired.js';
import type { StoreOpener, StoreUnderTest } from './series-store/harness.js';
import { generousRetention } from './series-store/harness.js';
import { identityCases } from './series-store/identity.js';
import { lateCases } from './series-store/late.js';
import { ledgerCases } from './series-store/ledger.js';
import { readCases } from './series-store/reads.js';
import { rollupCases } from './series-store/rollups.js';
import { segmentCases } from './series-store/segments.js';
import { valueCases } from './series-store/values.js';

export interface SeriesStoreSuite {
  readonly name: string;
  readonly open: StoreOpener;
  /** Property test runs; a store behind a network takes fewer. */
  readonly runs?: number;
}

/**
 * What every SeriesStore must do. Most cases share one store and keep apart by their site; those that need another
 * retention, or a crash, open their own. Stamps are near the real present, because a server may enforce its retention.
 */
export function seriesStoreSuite({ name, open, runs = 20 }: SeriesStoreSuite): void {
  describe(`SeriesStore: ${name}`, () => {
    let shared: StoreUnderTest | undefined;
    beforeAll(async () => {
      shared = await open({ retention: generousRetention });
    });
    afterAll(async () => {
      await shared?.close();
    });
    const store = () => shared!.store;

    describe('identity', () => identityCases(store));
    describe('ledger', () => ledgerCases(store));
    describe('alerts', () => alertCases(store));
    describe('values', () => valueCases(store, runs));
    describe('rollups', () => rollupCases(store, runs));
    describe('segments', () => segmentCases(store, open, runs));
    describe('late data', () => lateCases(store));
    describe('reads', () => readCases(store));
    describe('readings older than the raw retention', () => expiredCases(open));
    describe('crash and restart', () => crashCases(open));
  });
}
