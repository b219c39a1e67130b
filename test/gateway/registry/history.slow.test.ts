import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { Ingest, ingestGroup, ingestTopics } from '../../../cloud/ingest/ingest.js';
import { Parking } from '../../../cloud/ingest/parking.js';
import { completenessOf, viewDevice } from '../../../cloud/serve/device-view.js';
import { Fleet } from '../../../cloud/serve/fleet.js';
import type { SeriesStore, StoredPoint } from '../../../cloud/store/store.js';
import type { Alert } from '../../../core/contract/alert.js';
import type { EventLog } from '../../../core/log/log.js';
import { systemClock as clock } from '../../../core/runtime/clock.js';
import { silentLogger as logger } from '../../../core/runtime/logger.js';
import { waitFor } from '../../servers/wait-for.js';
import { openStore } from '../../support/open-store.js';
import { tempDir } from '../../support/temp-dir.js';
import { press, startGateway } from '../harness.js';
import { operatorOf } from '../operator.js';
import { firstUs, WireDevice } from './wire-device.js';

const deadlineMs = 30_000;
const pi = { site: 'plant1', device: 'pi-07' };
const [oldEpoch, newEpoch] = ['a'.repeat(32), 'b'.repeat(32)];
const hot: Alert = {
  ...{ sensor: 't1', rule: 'hot', state: 'raised', severity: 'warning' },
  ...{ timeUs: firstUs, value: 81, threshold: 80, message: 'hot' },
};

/** Brings all that is in the log into a store of its own. */
async function ingested(log: EventLog, group: string): Promise<SeriesStore> {
  const store = await openStore();
  const parking = new Parking({ path: join(await tempDir(), group), maxBytes: 1e7, maxBytesPerDevice: 1e7 });
  const ingest = new Ingest({ log, store, parking, clock, logger, registry: new Registry(), gatherMs: 2 });
  await ingest.start();
  onTestFinished(() => ingest.stop(1000));
  await waitFor('everything is stored', deadlineMs, async () => (await log.lag(ingestGroup, ingestTopics)) === 0);
  await ingest.stop(1000);
  return store;
}

async function startFleet(log: EventLog): Promise<Fleet> {
  const fleet = new Fleet({ log, clock, logger, registry: new Registry() });
  await fleet.start();
  onTestFinished(() => fleet.stop(1000));
  return fleet;
}

async function valuesOf(store: SeriesStore): Promise<string[]> {
  const all: StoredPoint[] = [];
  for await (const page of store.points({}, { fromUs: 0, toUs: 2 ** 52 })) all.push(...page);
  return all.map(({ site, device, sensor, timeUs, value }) => {
    return `${site}/${device}/${sensor} ${(timeUs - firstUs) / 1e6} ${value}`;
  });
}

it('hardware under a new name, with sensors under new names, goes on in the series that were there', async () => {
  const { gateway, port, memory } = await startGateway({ devices: { renameDelayMs: 0 } });
  const ask = await operatorOf(gateway);
  const renamed = async (act: string, body: object) => {
    const { status, answer } = await ask('POST', `/registry/plant1/pi-07/${act}`, body);
    expect(status).toBe(200);
    await waitFor('the new name counts', deadlineMs, () => clock.nowUs() > (answer['fromUs'] as number));
  };

  const old = await WireDevice.open(port, pi, ['temp'], oldEpoch);
  for (const i of [0, 1]) await old.send(i, 20 + i);
  await old.client.endAsync();
  await renamed('rename', { to: 'plant1/press-07' });
  const hardware = await WireDevice.open(port, press, ['t1', 'other'], newEpoch);
  await hardware.send(2, 22);
  await renamed('rename-sensor', { sensor: 't1', to: 'temp' });
  for (const i of [3, 4]) await hardware.send(i, 20 + i);
  // A pack that comes again, from before the sensor had its name: the first one counts.
  await hardware.send(2, 22, 0);
  await hardware.alert(hot);
  await hardware.state('heartbeat');

  const store = await ingested(memory, 'one');
  const expected = [
    ...[0, 1, 3, 4].map((i) => `plant1/pi-07/temp ${i} ${20 + i}`),
    ...[2, 3, 4].map((i) => `plant1/pi-07/other ${i} ${20 + i}`),
    'plant1/pi-07/t1 2 22',
  ];
  expect((await valuesOf(store)).sort()).toEqual([...expected].sort());
  const ledger = await store.ledger();
  expect([...ledger].map(([source, ranges]) => `${source} ${ranges.toString()}`).sort()).toEqual([
    `plant1/pi-07/${oldEpoch} 0-1`,
    `plant1/press-07/${newEpoch} 0-3`,
  ]);
  expect(await store.alerts({ limit: 10 })).toMatchObject([{ ...pi, sensor: 'temp' }]);

  const fleet = await startFleet(memory);
  const [device, ...others] = fleet.devices();
  expect(others).toEqual([]);
  expect(viewDevice(device!, fleet, ledger)).toMatchObject({
    ...{ ...pi, state: 'adopted', title: 'plant1/press-07', speaksAs: 'plant1/press-07' },
    ...{ epoch: newEpoch, lastSeq: 3, received: 4, missing: [], completeness: 1, sensors: 2 },
  });
  expect(completenessOf(device!, ledger, fleet.registrations.namesOf(pi))).toEqual([
    { source: `plant1/pi-07/${oldEpoch}`, received: 2, expected: 2 },
    { source: `plant1/pi-07/${newEpoch}`, received: 4, expected: 4 },
  ]);
  await hardware.send(5, 25);
  await waitFor('its newest reading', deadlineMs, () => {
    return fleet.series().find(({ key }) => key === 'plant1/pi-07/temp')?.last?.value === 25;
  });
});

it('whoever reads the log again stores the same', async () => {
  const { gateway, port, memory } = await startGateway({ devices: { renameDelayMs: 0 } });
  const ask = await operatorOf(gateway);
  const early = await WireDevice.open(port, press, ['temp'], oldEpoch);
  await early.send(0, 20);
  const { answer } = await ask('POST', '/registry/plant1/pi-07/rename', { to: 'plant1/press-07', force: true });
  await waitFor('the new name counts', deadlineMs, () => clock.nowUs() > (answer['fromUs'] as number));
  await early.send(1, 21);
  // Acknowledged before, and sent again by a device that did not hear of it.
  await early.send(0, 20, 0);
  const one = await valuesOf(await ingested(memory, 'one'));
  for (const topic of ingestTopics) memory.rewind(ingestGroup, topic, 0);
  const two = await valuesOf(await ingested(memory, 'two'));
  expect(one).toEqual(['plant1/pi-07/temp 1 21', 'plant1/press-07/temp 0 20']);
  expect(two).toEqual(one);
});

it('a pack from before a change of names goes on under the name that it bears, but not for another device', async () => {
  const { gateway, port, memory } = await startGateway({ devices: { renameDelayMs: 0 } });
  const ask = await operatorOf(gateway);
  const old = await WireDevice.open(port, pi, ['temp'], oldEpoch);
  await old.send(0, 20);
  const { answer } = await ask('POST', '/registry/plant1/pi-07/rename', { to: 'plant1/press-07' });
  await waitFor('the new name counts', deadlineMs, () => clock.nowUs() > (answer['fromUs'] as number));
  const hardware = await WireDevice.open(port, press, ['temp'], oldEpoch);
  await hardware.send(0, 20, 0, pi);
  await hardware.send(1, 21, 1, pi);
  await hardware.send(2, 22, 2);
  await hardware.send(3, 23, 3, { site: 'plant1', device: 'oven-02' });
  const store = await ingested(memory, 'one');
  expect(await valuesOf(store)).toEqual([0, 1, 2].map((i) => `plant1/pi-07/temp ${i} ${20 + i}`));
  const fleet = await startFleet(memory);
  await hardware.state('heartbeat');
  await waitFor('its heartbeat', deadlineMs, () => fleet.device(pi)?.lastBeat());
  expect(completenessOf(fleet.device(pi)!, await store.ledger(), fleet.registrations.namesOf(pi))).toMatchObject([
    { source: `plant1/pi-07/${oldEpoch}`, received: 3 },
  ]);
  expect(memory.records('dead-letters').map(({ headers }) => headers?.['reason'])).toEqual(['wrong-identity']);
});

it('replaced hardware goes on in the same series, with numbers of its own', async () => {
  const { gateway, port, memory } = await startGateway();
  const ask = await operatorOf(gateway);
  const old = await WireDevice.open(port, press, ['temp'], oldEpoch);
  for (const i of [0, 1]) await old.send(i, 20 + i);
  const { answer } = await ask('POST', '/registry/plant1/press-07/replace');
  await waitFor('the end of the old connection', deadlineMs, () => !old.client.connected);
  const next = await WireDevice.open(port, press, ['temp'], newEpoch, answer['token'] as string);
  for (const i of [2, 3]) await next.send(i, 20 + i);
  await next.state('heartbeat');
  const store = await ingested(memory, 'one');
  expect(await valuesOf(store)).toEqual([0, 1, 2, 3].map((i) => `plant1/press-07/temp ${i} ${20 + i}`));
  const fleet = await startFleet(memory);
  expect(completenessOf(fleet.device(press)!, await store.ledger())).toEqual([
    { source: `plant1/press-07/${oldEpoch}`, received: 2, expected: 2 },
    { source: `plant1/press-07/${newEpoch}`, received: 2, expected: 2 },
  ]);
});

it('what a device in quarantine measured is stored, once, when it was adopted and its dead letters were replayed', async () => {
  const { gateway, port, memory } = await startGateway({ devices: { unknown: 'quarantine' } });
  const ask = await operatorOf(gateway);
  const device = await WireDevice.open(port, press, ['temp'], oldEpoch);
  for (const i of [0, 1]) await device.send(i, 20 + i);
  const replay = async () => {
    const { answer } = await ask('GET', '/dead-letters?reason=unknown-device&state=all');
    const letters = (answer['letters'] as { position: string }[]).map(({ position }) => position);
    return (await ask('POST', '/dead-letters/replay', { letters })).status;
  };
  // Before its adoption it is only set aside again.
  expect(await replay()).toBe(200);
  expect(memory.records('sensor-readings')).toEqual([]);
  await ask('POST', '/registry/plant1/press-07/adopt');
  await device.send(2, 22);
  for (let again = 0; again < 2; again += 1) expect(await replay()).toBe(200);
  const store = await ingested(memory, 'one');
  expect(await valuesOf(store)).toEqual([0, 1, 2].map((i) => `plant1/press-07/temp ${i} ${20 + i}`));
});
