import { describe, expect, test } from 'vitest';
import { Parking, recordOverheadBytes, type ParkedRecord } from '../../../cloud/ingest/parking.js';
import { tempDir } from '../../support/temp-dir.js';

const wait = 'catalogue/plant1/press-07/aa';

function parked(offset: number, over: Partial<ParkedRecord> = {}): ParkedRecord {
  const record = { key: 'plant1/press-07', value: Buffer.from(`pack ${offset}\n!`), offset, appendedUs: 7 };
  return { topic: 'sensor-readings', partition: 3, record, readings: 10, ...over };
}

async function openParking(limits = { maxBytes: 1e6, maxBytesPerDevice: 1e6 }, path?: string) {
  const options = { path: path ?? (await tempDir()), ...limits };
  const parking = new Parking(options);
  await parking.start();
  return { parking, path: options.path, reopen: () => openParking(limits, options.path) };
}

async function all(parking: Parking, of = wait): Promise<ParkedRecord[]> {
  const records: ParkedRecord[] = [];
  for await (const page of parking.records(of, 2)) records.push(...page);
  return records;
}

describe('parking', () => {
  test('gives back every byte in the order of the log, after a restart as well', async () => {
    const { parking, reopen } = await openParking();
    const headers = { coding: 'zlib' };
    for (const offset of [1000, 2, 30]) await parking.park(wait, 'plant1/press-07', parked(offset));
    await parking.park(wait, 'plant1/press-07', parked(4, { record: { ...parked(4).record, headers } }));
    const before = parking.status();
    await parking.stop();
    const again = (await reopen()).parking;
    const records = await all(again);
    expect(records.map(({ record }) => record.offset)).toEqual([2, 4, 30, 1000]);
    expect(records[0]).toEqual(parked(2));
    expect(records[1]!.record.headers).toEqual(headers);
    expect(again.status()).toEqual(before);
    expect(again.waiting()).toEqual([wait]);
    await again.stop();
  });

  test('keeps apart what waits for different things, even where one name begins like the other', async () => {
    const { parking } = await openParking();
    await parking.park(wait, 'plant1/press-07', parked(1));
    await parking.park(`${wait}b`, 'plant1/press-07', parked(2));
    expect(await all(parking)).toHaveLength(1);
    await parking.remove(wait, await all(parking));
    expect(parking.waiting()).toEqual([`${wait}b`]);
    expect(parking.status()).toMatchObject({ records: 1, readings: 10 });
    await parking.stop();
  });

  test('a record that comes again is parked once', async () => {
    const { parking } = await openParking();
    expect(await parking.park(wait, 'plant1/press-07', parked(1))).toBe('parked');
    expect(await parking.park(wait, 'plant1/press-07', parked(1))).toBe('known');
    expect(parking.status().records).toBe(1);
    await parking.stop();
  });

  test('when it is full it refuses and counts, and takes again when there is room', async () => {
    const { parking } = await openParking({ maxBytes: 2.5 * recordOverheadBytes, maxBytesPerDevice: 1e6 });
    await parking.park(wait, 'plant1/a', parked(1));
    await parking.park(wait, 'plant1/b', parked(2));
    await expect(parking.park(wait, 'plant1/c', parked(3))).rejects.toMatchObject({ code: 'over-budget' });
    expect(parking.status()).toMatchObject({ records: 2, refusals: 1 });
    await parking.remove(wait, [parked(1)]);
    expect(await parking.park(wait, 'plant1/c', parked(3))).toBe('parked');
    await parking.stop();
  });

  test('one device cannot use up the room of the others', async () => {
    const { parking } = await openParking({ maxBytes: 1e6, maxBytesPerDevice: 1.5 * recordOverheadBytes });
    expect(await parking.park(wait, 'plant1/a', parked(1))).toBe('parked');
    expect(await parking.park(wait, 'plant1/a', parked(2))).toBe('device-full');
    expect(await parking.park(wait, 'plant1/b', parked(3))).toBe('parked');
    await parking.stop();
  });

  test('what waits for another thing now keeps its place, its device and its bytes, over a restart as well', async () => {
    const { parking, reopen } = await openParking({ maxBytes: 1e6, maxBytesPerDevice: 2.5 * recordOverheadBytes });
    const [clock, next] = ['clock/plant1/press-07/b', wait];
    await parking.park(clock, 'plant1/press-07', parked(1));
    await parking.park(clock, 'plant1/press-07', parked(2));
    const before = parking.status();
    expect(parking.statusOf((one) => one.startsWith('clock/'))).toEqual({ records: 2, readings: 20 });
    await parking.move(clock, next, [parked(1), parked(3)]);
    expect(parking.status()).toEqual(before);
    expect(parking.statusOf((one) => one.startsWith('clock/'))).toEqual({ records: 1, readings: 10 });
    expect(await parking.park(next, 'plant1/press-07', parked(1))).toBe('known');
    expect(await parking.park(next, 'plant1/press-07', parked(4))).toBe('device-full');
    await parking.stop();
    const again = (await reopen()).parking;
    expect(again.status()).toEqual(before);
    expect(await all(again, next)).toEqual([parked(1)]);
    expect(await all(again, clock)).toEqual([parked(2)]);
    expect(await again.park(next, 'plant1/press-07', parked(4))).toBe('device-full');
    await again.stop();
  });

  test('belongs to one process', async () => {
    const { parking, path } = await openParking();
    const other = new Parking({ path, maxBytes: 1e6, maxBytesPerDevice: 1e6 });
    await expect(other.start()).rejects.toMatchObject({ name: 'FatalError', code: 'locked' });
    await parking.stop();
  });
});
