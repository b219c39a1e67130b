import { minuteUs } from '#core/contract/time.js';
import { expect, test } from 'vitest';
import { rawPoint } from '../../support/packs.js';
import { alertOf } from './alerts.js';
import { expectRollupsOf } from './expected.js';
import { allPoints, generousRetention, pastDayUs, repairAll, TestDevice, write, type StoreOpener } from './harness.js';

/** What was acknowledged is there after a crash, once; what is not yet rolled up is not forgotten. */
export function crashCases(open: StoreOpener): void {
  test('everything acknowledged outlives a crash between writes', async () => {
    const under = await open({ retention: generousRetention });
    try {
      const device = new TestDevice();
      const points = Array.from({ length: 12 }, (_value, i) => rawPoint('temp', pastDayUs + i * minuteUs, i));
      for (let i = 0; i < 3; i += 1) {
        const pack = device.pack(points.slice(i * 4, i * 4 + 4), { seq: i });
        expect(await write(under.store, pack)).toMatchObject({ stored: 4 });
        await under.reopen();
        expect(await write(under.store, pack)).toMatchObject({ stored: 0, duplicate: 4 });
      }
      expect((await under.store.ledger()).get(device.source)?.toString()).toBe('0-2');
      expect(await allPoints(under.store, device.filter)).toHaveLength(12);
      await repairAll(under.store);
      await expectRollupsOf(under.store, device, points);
    } finally {
      await under.close();
    }
  });

  test('buckets that were dirty, half repaired or repaired at the crash end up right', async () => {
    const under = await open({ retention: generousRetention });
    try {
      const device = new TestDevice();
      const points = Array.from({ length: 6 }, (_value, i) => rawPoint('temp', pastDayUs + i * minuteUs, i));
      await write(under.store, device.pack(points.slice(0, 3)));
      await under.store.repairRollups(pastDayUs + 2 * minuteUs + 1);
      await under.reopen();
      await write(under.store, device.pack(points.slice(3)));
      await repairAll(under.store);
      await under.reopen();
      await expectRollupsOf(under.store, device, points);
      expect((await under.store.repairRollups(pastDayUs)).repaired).toEqual({ '1m': 0, '1h': 0, '1d': 0 });
    } finally {
      await under.close();
    }
  });

  test('a point from before a crash that comes again in another epoch counts once, also behind an older one', async () => {
    const under = await open({ retention: generousRetention });
    try {
      const device = new TestDevice();
      const renewed = new TestDevice(['temp'], device);
      const [older, newer] = [rawPoint('temp', pastDayUs + 1, 4), rawPoint('temp', pastDayUs + 5 * minuteUs, 6)];
      await write(under.store, device.pack([newer]));
      await under.reopen();
      await repairAll(under.store);
      await write(under.store, renewed.pack([older]));
      await write(under.store, renewed.pack([newer]));
      await repairAll(under.store);
      expect(await allPoints(under.store, device.filter)).toHaveLength(2);
      await expectRollupsOf(under.store, device, [older, newer]);
    } finally {
      await under.close();
    }
  });

  test('alerts outlive a crash', async () => {
    const under = await open({ retention: generousRetention });
    try {
      const device = new TestDevice();
      const alert = alertOf(device, 5);
      const { site, device: name } = device.catalogue;
      const pack = { site, device: name, epoch: device.epoch, seq: 0, alerts: [alert] };
      await under.store.write({ packs: [], alerts: [pack] });
      await under.reopen();
      await under.store.write({ packs: [], alerts: [pack] });
      expect(await under.store.alerts({ limit: 10 })).toEqual([alert]);
      expect((await under.store.ledger()).get(device.source)?.toString()).toBe('0');
    } finally {
      await under.close();
    }
  });
}
