import { forms } from '#core/contract/reading.js';
import { minuteUs } from '#core/contract/time.js';
import { expect, test } from 'vitest';
import type { SeriesStore } from '../../../cloud/store/store.js';
import { describeSensor, rawPoint } from '../../support/packs.js';
import { expectRollupsOf, storedPoint, windowPoint } from './expected.js';
import { allPoints, allRollups, pastDayUs, repairAll, TestDevice, write } from './harness.js';

/** Identity of a point: (site, device, sensor, form, time). */
export function identityCases(store: () => SeriesStore): void {
  const point = rawPoint('temp', pastDayUs + 1, 21.5);

  test('a point that stands twice in a pack is one', async () => {
    const device = new TestDevice();
    await write(store(), device.pack([point, point]));
    await expectOne(device);
  });

  test('a point that comes again in another pack is one', async () => {
    const device = new TestDevice();
    await write(store(), device.pack([point]));
    await repairAll(store());
    await write(store(), device.pack([point]));
    await expectOne(device);
  });

  test('a point that comes again in another epoch of the device is one', async () => {
    const device = new TestDevice();
    const clone = new TestDevice(['temp'], device);
    await write(store(), device.pack([point]), clone.pack([point]));
    await expectOne(device);
  });

  test('labels are not identity: a relabelled sensor goes on with its series and buckets', async () => {
    const device = new TestDevice({ temp: describeSensor({ labels: { floor: '1', room: 'a' } }) });
    const relabelled = new TestDevice({ temp: describeSensor({ labels: { floor: '2', line: 'b c,d=e' } }) }, device);
    const later = rawPoint('temp', pastDayUs + 2, 22);
    await write(store(), device.pack([point]));
    await write(store(), relabelled.pack([point, later]));
    await repairAll(store());
    expect(await allPoints(store(), device.filter)).toEqual([storedPoint(device, point), storedPoint(device, later)]);
    await expectRollupsOf(store(), device, [point, later]);
  });

  test('the forms of one stamp are different points', async () => {
    const device = new TestDevice();
    const points = forms.map((form) =>
      form === 'window' ? windowPoint('temp', pastDayUs, minuteUs, [1, 2]) : { ...point, timeUs: pastDayUs, form },
    );
    await write(store(), device.pack(points));
    const stored = await allPoints(store(), device.filter);
    expect(stored.map(({ form }) => form).sort()).toEqual([...forms].sort());
  });

  test('of two values with one identity one is kept, and the rollups hold that one', async () => {
    const device = new TestDevice();
    await write(store(), device.pack([point]));
    await write(store(), device.pack([{ ...point, value: 99 }]));
    await repairAll(store());
    const [kept, ...others] = await allPoints(store(), device.filter);
    expect(others).toEqual([]);
    expect([21.5, 99]).toContain(kept!.value);
    await expectRollupsOf(store(), device, [{ ...point, value: kept!.value! }]);
  });

  async function expectOne(device: TestDevice): Promise<void> {
    await repairAll(store());
    expect(await allPoints(store(), device.filter)).toEqual([storedPoint(device, point)]);
    expect(await store().recent(device.series(), { fromUs: pastDayUs, toUs: pastDayUs + 10 }, 10)).toHaveLength(1);
    expect((await allRollups(store(), '1m', device.filter)).map(({ count }) => count)).toEqual([1]);
    await expectRollupsOf(store(), device, [point]);
  }
}
