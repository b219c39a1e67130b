import { describe, expect, test } from 'vitest';
import { CatalogueBook } from '../../../cloud/ingest/catalogue-book.js';
import { ClockBook } from '../../../cloud/ingest/clock-book.js';
import { sortAlerts, sortReadings as sort } from '../../../cloud/ingest/sort-record.js';
import { catalogueHash, catalogueUnits, type Catalogue } from '../../../core/contract/catalogue.js';
import { UnknownSensors, type UnknownSensorMode } from '../../../cloud/ingest/unknown-sensors.js';
import { encodeAlertPack, type AlertPack } from '../../../core/contract/alert.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import type { StoredRecord } from '../../../core/log/log.js';
import { encodePack, type Pack } from '../../../core/contract/pack.js';
import type { Point } from '../../../core/contract/reading.js';
import { describeSensor, rawPoint, testCatalogue, testPack } from '../../support/packs.js';

const catalogue = testCatalogue({
  temp: describeSensor(),
  power: describeSensor({ quantity: 'power', unit: 'W' }),
});
const startUs = 1_700_000_000_000_000;
const points = [rawPoint('temp', startUs, 20), rawPoint('power', startUs + 5, 7), rawPoint('temp', startUs + 9, 21)];

const boot = 'b'.repeat(32);
const offsetUs = startUs - 5_000_000;

/** A book in which the clock of one boot is known. */
function clocksOf(known?: string): ClockBook {
  const clocks = new ClockBook();
  const clock = { type: 'clock', session: 'a'.repeat(16), bootId: known, offsetUs, source: 'system' };
  if (known !== undefined) clocks.add(catalogue, known, clock);
  return clocks;
}

const sortReadings = (
  record: StoredRecord,
  book: CatalogueBook,
  clocks = clocksOf(),
  mode: UnknownSensorMode = 'quarantine',
) => sort(record, book, clocks, new UnknownSensors(mode));

function bookOf(...catalogues: Catalogue[]): CatalogueBook {
  const book = new CatalogueBook();
  for (const one of catalogues) book.add(one, catalogueHash(one), one);
  return book;
}

function recordOf(pack: Pack, units = catalogueUnits(catalogue), key = `${pack.site}/${pack.device}`) {
  return { key, value: encodePack(pack, units), offset: 0, appendedUs: 0 };
}

describe('a record of sensor-readings', () => {
  test('goes to the store as it is when its catalogue agrees', () => {
    const sorted = sortReadings(recordOf(testPack(catalogue, 3, points)), bookOf(catalogue));
    expect(sorted).toMatchObject({
      fate: 'store',
      readings: 3,
      refusals: [],
      oldestUs: startUs,
      newestUs: startUs + 9,
    });
    if (sorted.fate === 'store') expect(sorted.pack.pack.points).toEqual(points);
  });

  test('is parked for its catalogue', () => {
    const hash = catalogueHash(catalogue);
    const sorted = sortReadings(recordOf(testPack(catalogue, 3, points)), bookOf());
    expect(sorted).toMatchObject({ fate: 'park', readings: 3, wait: `catalogue/plant1/press-07/${hash}` });
  });

  test('is parked while its clock is not known, whatever its catalogue', () => {
    const unsynced: Point = { ...points[1]!, quality: 'clock-unsynced' };
    const sorted = sortReadings(recordOf(testPack(catalogue, 3, [points[0]!, unsynced])), bookOf(catalogue));
    expect(sorted).toMatchObject({ fate: 'park', readings: 2, wait: 'clock/plant1/press-07' });
  });

  test('of a boot is parked for the clock of that boot, and placed by it', () => {
    const uptimes = [rawPoint('temp', uptimeStamp(5_000_000), 20), rawPoint('power', uptimeStamp(5_000_005), 7)];
    const record = recordOf({ ...testPack(catalogue, 3, uptimes), boot });
    const wait = `clock/plant1/press-07/${boot}`;
    expect(sortReadings(record, bookOf(catalogue))).toMatchObject({ fate: 'park', readings: 2, wait });
    expect(sortReadings(record, bookOf(catalogue), clocksOf('c'.repeat(32)))).toMatchObject({ fate: 'park', wait });
    const sorted = sortReadings(record, bookOf(catalogue), clocksOf(boot));
    expect(sorted).toMatchObject({ fate: 'store', readings: 2, oldestUs: startUs, newestUs: startUs + 5 });
    if (sorted.fate === 'store') expect(sorted.pack.pack.points).toEqual(points.slice(0, 2));
    expect(sortReadings(record, bookOf(), clocksOf(boot))).toMatchObject({
      fate: 'park',
      wait: `catalogue/plant1/press-07/${catalogueHash(catalogue)}`,
    });
  });

  test('a catalogue counts only for the device that announced it', () => {
    const pack = { ...testPack(catalogue, 3, points), device: 'press-08' };
    expect(sortReadings(recordOf(pack), bookOf(catalogue)).fate).toBe('park');
  });

  test('a unit that disagrees sets that sensor aside, the others go on', () => {
    const units = new Map([
      ['temp', 'K'],
      ['power', 'W'],
    ]);
    const sorted = sortReadings(recordOf(testPack(catalogue, 3, points), units), bookOf(catalogue));
    expect(sorted).toMatchObject({
      fate: 'store',
      readings: 3,
      refusals: [{ reason: 'unit-mismatch', readings: 2, detail: 'temp says K, its catalogue Cel' }],
    });
    if (sorted.fate === 'store') expect(sorted.pack.pack.points).toEqual([points[1]]);
  });

  test('sensors that the catalogue does not have are set aside, even those named like a property of objects', () => {
    const strange = [rawPoint('constructor', startUs, 1), rawPoint('hidden', startUs, 1), ...points];
    const sorted = sortReadings(recordOf(testPack(catalogue, 3, strange), new Map()), bookOf(catalogue));
    expect(sorted).toMatchObject({ fate: 'store', readings: 5 });
    if (sorted.fate !== 'store') return;
    expect(sorted.pack.pack.points).toEqual(points);
    expect(sorted.refusals).toMatchObject([{ reason: 'unknown-sensor', readings: 2 }]);
    expect(sorted.refusals[0]!.detail).toContain('constructor, hidden');
  });

  test('a tombstone is stored without readings', () => {
    const tombstone = { ...testPack(catalogue, 9, []), replaces: [[0, 8] as const] };
    expect(sortReadings(recordOf(tombstone), bookOf(catalogue))).toMatchObject({ fate: 'store', readings: 0 });
  });

  test('what the contract refuses is set aside with its code', () => {
    const pack = testPack(catalogue, 3, points);
    const fates = [
      sortReadings({ key: 'plant1/press-07', value: Buffer.from([1, 2]), offset: 0, appendedUs: 0 }, bookOf()),
      sortReadings(recordOf(pack, new Map(), 'plant1/other'), bookOf(catalogue)),
      sortReadings(recordOf(pack, new Map(), 'nokey'), bookOf(catalogue)),
      sortAlerts({ key: 'plant1/press-07', value: Buffer.from('{}'), offset: 0, appendedUs: 0 }, clocksOf()),
    ];
    expect(fates.map((sorted) => (sorted.fate === 'set-aside' ? `${sorted.reason} ${sorted.readings}` : 'no'))).toEqual(
      ['bad-coding 1', 'wrong-identity 1', 'schema 1', 'schema 0'],
    );
  });
});

test('alerts of a boot wait for its clock as readings do', () => {
  const hot = { sensor: 'temp', rule: 'hot', state: 'raised', severity: 'warning' } as const;
  const alert = { ...hot, timeUs: uptimeStamp(5_000_009), value: 81, threshold: 80, message: 'hot' };
  const pack: AlertPack = { ...testPack(catalogue, 4, []), bboot: boot, alerts: [alert] };
  const record = { key: 'plant1/press-07', value: encodeAlertPack(pack), offset: 0, appendedUs: 0 };
  const wait = `clock/plant1/press-07/${boot}`;
  expect(sortAlerts(record, clocksOf())).toMatchObject({ fate: 'park', readings: 0, wait });
  const sorted = sortAlerts(record, clocksOf(boot));
  expect(sorted).toMatchObject({ fate: 'alerts', alerts: { seq: 4, alerts: [{ timeUs: startUs + 9 }] } });
});

describe('the book of clocks', () => {
  test('takes no guess: what is out of range, of another boot or no clock at all is refused', () => {
    const clocks = clocksOf(boot);
    const clock = { type: 'clock', session: 'a'.repeat(16), bootId: boot, offsetUs, source: 'gateway' };
    expect(clocks.add(catalogue, boot, clock)).toBe(false);
    expect(clocks.add(catalogue, boot, { ...clock, offsetUs: offsetUs + 1 })).toBe(true);
    expect(clocks.offsetUs({ site: 'plant1', device: 'press-08' }, boot)).toBeUndefined();
    expect(() => clocks.add(catalogue, boot, { ...clock, offsetUs: 12 })).toThrow(/offsetUs|clock/);
    expect(() => clocks.add(catalogue, 'c'.repeat(32), clock)).toThrow(/says that it is of/);
    expect(clocks.offsetUs(catalogue, boot)).toBe(offsetUs + 1);
  });
});

describe('the book of catalogues', () => {
  test('refuses one of another device or with another hash, and knows that one from before', () => {
    const book = new CatalogueBook();
    const hash = catalogueHash(catalogue);
    expect(() => book.add({ site: 'plant1', device: 'press-08' }, hash, catalogue)).toThrow(/of plant1\/press-07/);
    expect(() => book.add(catalogue, '0'.repeat(32), catalogue)).toThrow(/another hash/);
    expect(() => book.add(catalogue, hash, { sensors: 3 })).toThrow();
    expect([book.add(catalogue, hash, catalogue), book.add(catalogue, hash, catalogue), book.size]).toEqual([
      true,
      false,
      1,
    ]);
  });

  test('takes one whose device left out what has a default', () => {
    const terse = { site: 'plant1', device: 'press-07', sensors: { temp: { quantity: 'temperature', unit: 'Cel' } } };
    const book = new CatalogueBook();
    book.add(catalogue, catalogueHash(terse as unknown as Catalogue), terse);
    expect(
      book.get(catalogue, catalogueHash(terse as unknown as Catalogue))?.catalogue.sensors.temp!.interpolation,
    ).toBe('none');
  });
});
