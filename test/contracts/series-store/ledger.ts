import { expect, test } from 'vitest';
import type { SeriesStore } from '../../../cloud/store/store.js';
import { rawPoint } from '../../support/packs.js';
import { allPoints, pastDayUs, TestDevice, write } from './harness.js';

/** Which packs have been stored. */
export function ledgerCases(store: () => SeriesStore): void {
  const points = [rawPoint('temp', pastDayUs + 1, 1), rawPoint('temp', pastDayUs + 2, 2)];

  test('a pack that comes again is a duplicate and changes nothing', async () => {
    const device = new TestDevice();
    const pack = device.pack(points);
    expect(await write(store(), pack)).toEqual({ stored: 2, duplicate: 0, expired: 0 });
    expect(await write(store(), pack)).toEqual({ stored: 0, duplicate: 2, expired: 0 });
    expect(await allPoints(store(), device.filter)).toHaveLength(2);
  });

  test('a pack that stands twice in one batch is stored once', async () => {
    const device = new TestDevice();
    const pack = device.pack(points);
    expect(await write(store(), pack, pack)).toEqual({ stored: 2, duplicate: 2, expired: 0 });
    expect(await allPoints(store(), device.filter)).toHaveLength(2);
  });

  test('the same number in another epoch is another pack', async () => {
    const device = new TestDevice();
    const reset = new TestDevice(['temp'], device);
    await write(store(), device.pack(points, { seq: 7 }));
    const outcome = await write(store(), reset.pack([rawPoint('temp', pastDayUs + 3, 3)], { seq: 7 }));
    expect(outcome).toEqual({ stored: 1, duplicate: 0, expired: 0 });
    expect(await ledgerOf(device)).toEqual({ [device.source]: '7', [reset.source]: '7' });
    expect(await allPoints(store(), device.filter)).toHaveLength(3);
  });

  test('numbers arrive in any order and leave gaps', async () => {
    const device = new TestDevice();
    const at = (seq: number) => device.pack([rawPoint('temp', pastDayUs + seq, seq)], { seq });
    await write(store(), at(9), at(0), at(1));
    await write(store(), at(5), at(2));
    expect(await ledgerOf(device)).toEqual({ [device.source]: '0-2,5,9' });
  });

  test('replaced numbers enter the ledger with the pack that replaces them', async () => {
    const device = new TestDevice();
    const replaces = [
      [2, 5],
      [7, 7],
    ] as const;
    await write(store(), device.pack(points, { seq: 9, replaces }));
    expect(await ledgerOf(device)).toEqual({ [device.source]: '2-5,7,9' });
    expect(await write(store(), device.pack(points, { seq: 4 }))).toMatchObject({ stored: 0, duplicate: 2 });
  });

  test('a tombstone enters the ledger, although it carries nothing', async () => {
    const device = new TestDevice();
    const dropped = { reason: 'over-budget', count: 120 };
    const tombstone = device.pack([], { seq: 3, replaces: [[0, 2]], dropped });
    expect(await write(store(), tombstone)).toEqual({ stored: 0, duplicate: 0, expired: 0 });
    expect(await ledgerOf(device)).toEqual({ [device.source]: '0-3' });
  });

  test('is filtered by site and by device', async () => {
    const [one, other] = [new TestDevice(), new TestDevice()];
    await write(store(), one.pack(points), other.pack(points));
    expect([...(await store().ledger(one.filter)).keys()]).toEqual([one.source]);
    const all = await store().ledger();
    expect([...all.keys()]).toEqual(expect.arrayContaining([one.source, other.source]));
    expect((await store().ledger({ site: one.catalogue.site, device: other.catalogue.device })).size).toBe(0);
  });

  test('what it hands out is a copy', async () => {
    const device = new TestDevice();
    await write(store(), device.pack(points));
    (await store().ledger(device.filter)).get(device.source)!.add(0, 100);
    expect(await ledgerOf(device)).toEqual({ [device.source]: '0' });
  });

  test('an empty batch is stored at once', async () => {
    expect(await store().write({ packs: [], alerts: [] })).toEqual({ stored: 0, duplicate: 0, expired: 0 });
  });

  async function ledgerOf(device: TestDevice): Promise<Record<string, string>> {
    const ledger = await store().ledger(device.filter);
    return Object.fromEntries([...ledger].map(([source, ranges]) => [source, ranges.toString()]));
  }
}
