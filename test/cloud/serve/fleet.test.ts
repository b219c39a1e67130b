import { Registry } from 'prom-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Fleet, type FleetOptions } from '../../../cloud/serve/fleet.js';
import { viewDevice } from '../../../cloud/serve/device-view.js';
import type { Alert } from '../../../core/contract/alert.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { SequenceRanges } from '../../../core/contract/sequence-ranges.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { MemoryLog } from '../../support/memory-log.js';
import { describeSensor, rawPoint, testCatalogue } from '../../support/packs.js';
import { TestDevice } from '../../support/test-device.js';
import { waitFor } from '../../servers/wait-for.js';

async function openLog(): Promise<MemoryLog> {
  const log = new MemoryLog();
  await log.start();
  await log.ensureTopics(Object.values(logTopics));
  return log;
}

async function startFleet(log: MemoryLog, over: Partial<FleetOptions> = {}): Promise<Fleet> {
  const fleet = new Fleet({ log, clock: systemClock, logger: silentLogger, registry: new Registry(), ...over });
  await fleet.start();
  onTestFinished(() => fleet.stop(1000));
  return fleet;
}

const nowUs = systemClock.nowUs();
const alert: Alert = {
  ...{ sensor: 'temp', rule: 'hot', state: 'raised', severity: 'warning' },
  ...{ timeUs: nowUs, value: 81, threshold: 80, message: 'temp is above 80' },
};
const until = (what: string, probe: () => boolean) => waitFor(what, 2000, probe, 2);

describe('fleet', () => {
  test('knows what was announced before it started, and the last reading of each series since', async () => {
    const log = await openLog();
    const device = new TestDevice(
      log,
      testCatalogue({ temp: describeSensor({ labels: { floor: '2' } }), on: describeSensor() }),
    );
    await device.announce();
    await device.send([rawPoint('temp', nowUs, 1)]);
    const fleet = await startFleet(log);
    expect(fleet.ready()).toBe(true);
    expect(fleet.series().map(({ key, last }) => [key, last])).toEqual([
      ['plant1/press-07/on', null],
      ['plant1/press-07/temp', null],
    ]);
    await device.send([rawPoint('temp', nowUs + 9, 21), rawPoint('on', nowUs + 9, true)]);
    await device.send([rawPoint('temp', nowUs + 3, 20)]);
    await device.send([rawPoint('temp', nowUs + 1, 19)]);
    const [on, temp] = fleet.series();
    await until('the readings', () => on!.last !== null && temp!.last !== null);
    expect(on!.last).toEqual({ timeUs: nowUs + 9, value: 1, quality: 'good' });
    expect(temp!).toMatchObject({ unit: 'Cel', labels: { floor: '2' }, last: { timeUs: nowUs + 9, value: 21 } });
  });

  test('a device is online from its birth to the end of that session, in whatever order they are read', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    const fleet = await startFleet(log);
    await device.announce();
    await until('online', () => fleet.onlineCount() === 1);
    await device.goOffline();
    await until('offline', () => fleet.onlineCount() === 0);
    device.session = '00000000000000bb';
    await device.announce(2);
    await until('online again', () => fleet.onlineCount() === 1);
    expect((await startFleet(log)).onlineCount()).toBe(1);
  });

  test('a will of an older session that comes late does not make the device offline', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    const fleet = await startFleet(log);
    await device.announce();
    device.session = '00000000000000bb';
    await device.announce(2);
    await until('online', () => fleet.onlineCount() === 1);
    let changes = 0;
    fleet.listen({ device: () => (changes += 1) });
    device.session = '00000000000000aa';
    await device.goOffline();
    await until('the will', () => changes > 0);
    expect(fleet.onlineCount()).toBe(1);
    expect((await startFleet(log)).onlineCount()).toBe(1);
  });

  test('what an older session says after the birth of a newer one, by way of another gateway, counts for nothing', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    const fleet = await startFleet(log);
    const as = (session: string) => (device.session = session);
    await device.announce();
    await until('the birth', () => fleet.onlineCount() === 1);
    as('00000000000000bb');
    await device.announce(2);
    await until('the newer birth', () => fleet.devices()[0]!.outbox()?.session === '00000000000000bb');
    as('00000000000000aa');
    let changes = 0;
    fleet.listen({ device: () => (changes += 1) });
    await device.beat(3);
    await device.goOffline();
    await until('both', () => changes === 2);
    expect(fleet.devices()[0]!.outbox()?.session).toBe('00000000000000bb');
    expect(fleet.onlineCount()).toBe(1);
    as('00000000000000bb');
    await device.goOffline();
    as('00000000000000aa');
    await device.goOffline();
    await until('all', () => changes === 4);
    expect(fleet.onlineCount()).toBe(0);
  });

  test('a device that has been silent for long is offline', async () => {
    const log = await openLog();
    await new TestDevice(log).announce();
    const later = { ...systemClock, nowUs: () => systemClock.nowUs() + 300_000_001 };
    expect((await startFleet(log, { clock: later })).onlineCount()).toBe(0);
    expect((await startFleet(log, { clock: later, silentAfterMs: 400_000 })).onlineCount()).toBe(1);
  });

  test('shows no reading that ingest would set aside or park', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    await device.announce();
    const fleet = await startFleet(log);
    await device.send([rawPoint('temp', nowUs, 1)], {}, new Map([['temp', 'K']]));
    await device.send([rawPoint('other', nowUs, 1)]);
    await device.send([{ ...rawPoint('temp', nowUs, 1), quality: 'clock-unsynced' }]);
    await device.append(logTopics.readings.name, Buffer.from('junk'));
    await device.send([rawPoint('pressure', nowUs, 1)]);
    const [pressure, temp] = fleet.series();
    await until('the good reading', () => pressure!.last !== null);
    expect(temp!.last).toBeNull();
  });

  test('shows readings of a boot once its clock is known, and tells alerts at once', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    await device.announce();
    const fleet = await startFleet(log);
    const told: number[] = [];
    fleet.alerts.onAlert(({ timeUs }) => told.push(timeUs));
    const [boot, stampUs] = ['b'.repeat(32), uptimeStamp(5e6)];
    const temp = fleet.series().find(({ sensor }) => sensor === 'temp')!;
    await device.send([rawPoint('temp', stampUs, 1)], { boot });
    await device.alertOf(boot, { ...alert, timeUs: stampUs });
    await until('the alert', () => told.length === 1);
    expect([temp.last, Math.abs(told[0]! - systemClock.nowUs()) < 60e6]).toEqual([null, true]);
    await device.tellClock(boot, nowUs - 5e6);
    await device.send([rawPoint('pressure', stampUs, 1)], { boot });
    await device.alertOf(boot, { ...alert, timeUs: stampUs + 1 });
    await until('the second alert', () => told.length === 2);
    expect(told[1]).toBe(nowUs + 1);
    expect(fleet.series().find(({ sensor }) => sensor === 'pressure')!.last!.timeUs).toBe(nowUs);
  });

  test('another catalogue keeps the last reading of the sensors that stay', async () => {
    const log = await openLog();
    const device = new TestDevice(log, testCatalogue(['temp', 'old']));
    await device.announce();
    const fleet = await startFleet(log);
    await device.send([rawPoint('temp', nowUs, 5)]);
    await until('the reading', () => fleet.series()[1]!.last !== null);
    await new TestDevice(log, testCatalogue(['temp', 'new'])).announce(2);
    await until('the new sensor', () => fleet.series().some(({ sensor }) => sensor === 'new'));
    expect(fleet.series().map(({ sensor, last }) => [sensor, last?.value])).toEqual([
      ['new', undefined],
      ['temp', 5],
    ]);
  });

  test('its memory is bounded', async () => {
    const log = await openLog();
    for (const name of ['a', 'b', 'c']) await new TestDevice(log, testCatalogue(['x', 'y'], 's', name)).announce();
    const registry = new Registry();
    const fleet = await startFleet(log, { maxDevices: 2, maxSeries: 3, registry });
    expect([fleet.devices().length, fleet.series().length]).toEqual([2, 3]);
    expect(await registry.metrics()).toContain('fieldline_fleet_left_out 2');
  });
});

describe('a device', () => {
  const sourceOf = (device: TestDevice): string => `${device.key}/${device.epoch}`;

  test('is complete when the store has every number that it gave out', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    device.nextSeq = 10;
    await device.announce();
    await device.beat(nowUs, 3, 9000);
    const fleet = await startFleet(log);
    const received = SequenceRanges.from([
      [0, 3],
      [6, 6],
    ]);
    const view = viewDevice(fleet.devices()[0]!, fleet, new Map([[sourceOf(device), received]]));
    expect(view).toMatchObject({
      ...{ site: 'plant1', device: 'press-07', online: true, version: '1.2.3', sensors: 2, pending: 3, bytes: 9000 },
      ...{ lastSeq: 9, received: 5, completeness: 0.5 },
      missing: [
        [4, 5],
        [7, 9],
      ],
    });
  });

  test('never has more than all: a pack may be stored before the heartbeat that tells of it', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    await device.announce();
    const fleet = await startFleet(log);
    const ledger = new Map([[sourceOf(device), SequenceRanges.from([[0, 7]])]]);
    expect(viewDevice(fleet.devices()[0]!, fleet, ledger)).toMatchObject({ lastSeq: 7, received: 8, completeness: 1 });
    expect(viewDevice(fleet.devices()[0]!, fleet, new Map())).toMatchObject({
      lastSeq: -1,
      received: 0,
      completeness: 1,
    });
    expect(viewDevice(fleet.devices()[0]!, fleet, undefined)).toMatchObject({ received: null, completeness: null });
  });

  test('lists at most twenty gaps', async () => {
    const log = await openLog();
    const device = new TestDevice(log);
    await device.announce();
    const fleet = await startFleet(log);
    const odd = SequenceRanges.from(Array.from({ length: 50 }, (_, i) => [2 * i + 1, 2 * i + 1] as const));
    expect(viewDevice(fleet.devices()[0]!, fleet, new Map([[sourceOf(device), odd]])).missing).toHaveLength(20);
  });
});
