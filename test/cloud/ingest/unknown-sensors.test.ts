import { describe, expect, test } from 'vitest';
import { unknownSensorEpoch, type UnknownSensorMode } from '../../../cloud/ingest/unknown-sensors.js';
import type { Point } from '../../../core/contract/reading.js';
import { IngestLine, startUs } from '../../support/ingest-line.js';
import { rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';

const temps = [rawPoint('temp', startUs, 20), rawPoint('temp', startUs + 1e6, 21)];
const strange = [
  rawPoint('strange', startUs, 1),
  rawPoint('strange', startUs + 1e6, 2),
  rawPoint('odd', startUs, true),
];
const units = new Map([
  ['temp', 'Cel'],
  ['strange', 'W'],
]);

async function lineWith(points: readonly Point[], mode: UnknownSensorMode, said = units) {
  const line = await IngestLine.open();
  const device = new TestDevice(line.log, testCatalogue(['temp']));
  await device.announce();
  await device.send(points, {}, said);
  const ingest = await line.run(mode);
  await line.committed();
  return { line, device, ingest };
}

const everything = ['odd 0 1', 'strange 0 1', 'strange 1 2', 'temp 0 20', 'temp 1 21'];

describe('readings of sensors that the catalogue does not have', () => {
  test('accept: are stored as an unknown quantity in the unit that they name, and counted once', async () => {
    const { line, device, ingest } = await lineWith([...temps, ...strange], 'accept');
    expect(await line.stored()).toEqual(everything);
    expect(await line.counts()).toEqual({ temp: 2, strange: 2, odd: 1 });
    expect(line.letters).toEqual([]);
    expect(ingest.status().stage).toMatchObject({ in: 5, out: 5, dropped: 0, inFlight: 0 });
    await line.again();
    expect(await line.stored()).toEqual(everything);
    expect(await line.counts()).toEqual({ temp: 2, strange: 2, odd: 1 });
    const ledger = await line.store.behind.ledger();
    const sources = [device.epoch, unknownSensorEpoch(device.epoch)].map((epoch) => `${device.key}/${epoch}`);
    expect([...ledger.keys()].sort()).toEqual(sources.sort());
    const described = line.packs.find(({ pack }) => pack.points[0]!.sensor !== 'temp');
    expect(described!.catalogue.sensors).toMatchObject({
      temp: { quantity: 'temperature' },
      strange: { quantity: 'unknown', unit: 'W' },
      odd: { quantity: 'unknown', unit: '/' },
    });
  });

  test('quarantine, then accept: a replay of what was set aside brings in just that, however often', async () => {
    const { line } = await lineWith([...temps, ...strange], 'quarantine');
    expect(await line.stored()).toEqual(['temp 0 20', 'temp 1 21']);
    expect(line.letters).toEqual(['unknown-sensor']);
    await line.run('accept');
    for (let i = 0; i < 3; i += 1) {
      await line.again();
      expect(await line.stored()).toEqual(everything);
      expect(await line.counts()).toEqual({ temp: 2, strange: 2, odd: 1 });
    }
    expect(line.letters).toEqual(['unknown-sensor']);
  });

  test('reject: are dropped, counted, and leave no letter', async () => {
    const { line, ingest } = await lineWith([...temps, ...strange], 'reject');
    expect(await line.stored()).toEqual(['temp 0 20', 'temp 1 21']);
    expect(line.letters).toEqual([]);
    expect(ingest.status().stage).toMatchObject({ in: 5, out: 2, reasons: { 'unknown-sensor-rejected': 3 } });
  });

  test('accept: a unit that nobody knows, or another than before, is no guess: it is set aside', async () => {
    const { line, device } = await lineWith(strange.slice(0, 2), 'accept');
    await device.send([rawPoint('strange', startUs + 2e6, 3)], {}, new Map([['strange', 'V']]));
    await device.send([rawPoint('weird', startUs + 2e6, 3)], {}, new Map([['weird', 'furlong']]));
    await device.send([rawPoint('temp', startUs, 3)], {}, new Map([['temp', 'K']]));
    await line.committed();
    expect(await line.stored()).toEqual(['strange 0 1', 'strange 1 2']);
    expect(line.letters).toEqual(['unit-mismatch', 'unit-mismatch', 'unit-mismatch']);
  });

  test('accept: a device that invents names without end is stopped', async () => {
    const names = Array.from({ length: 1200 }, (_, i) => `s${i}`);
    const { line } = await lineWith(
      names.map((name) => rawPoint(name, startUs, 1)),
      'accept',
      new Map(),
    );
    expect(await line.stored()).toHaveLength(1000);
    expect(line.letters).toEqual(['unknown-sensor']);
  });
});
