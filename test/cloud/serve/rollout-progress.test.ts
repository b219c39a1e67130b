import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { viewDevice } from '../../../cloud/serve/device-view.js';
import { Fleet } from '../../../cloud/serve/fleet.js';
import type { Ledger } from '../../../cloud/serve/ledger-cache.js';
import { maxHeld, viewProgress } from '../../../cloud/serve/rollout-progress.js';
import { deviceEventKey } from '../../../core/contract/device-events.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { SequenceRanges } from '../../../core/contract/sequence-ranges.js';
import type { LogRecord } from '../../../core/log/log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { viewRollout } from '../../../gateway/rollout/rollout-view.js';
import { SimDevice, version, World } from '../../gateway/rollout/world.js';
import { MemoryLog } from '../../support/memory-log.js';

const id = 'two-1';
const epoch = '0123456789abcdef0123456789abcdef';
const stages = [
  { name: 'canary', select: 'label:ring=canary' },
  { name: 'half', select: '50%' },
  { name: 'all', select: '100%' },
];
const fleetOf = (devices: number) =>
  Array.from({ length: devices }, (_, n) => {
    const labels: Record<string, string> = n < 2 ? { ring: 'canary' } : {};
    return new SimDevice('plant1', `pi-0${n}`, labels);
  });
const works = () => true;

async function turn(world: World, runs: (device: SimDevice, version: string) => boolean = works): Promise<void> {
  for (const gateway of world.gateways) {
    world.deliver(gateway);
    await gateway.rollouts.advance(id);
    world.deliver(gateway);
  }
  for (const device of world.devices) world.step(device, runs);
  world.nowUs += 2_000_000;
}

/** The cloud beside the gateways: it has read all that stands in the log of the world, and `more`. */
async function cloudOf(world: World, ...more: LogRecord[]): Promise<Fleet> {
  let nowUs = 0;
  const log = new MemoryLog(() => nowUs);
  await log.start();
  await log.ensureTopics(Object.values(logTopics));
  for (const record of [...world.log, ...more.map((one) => ({ ...one, appendedUs: (world.nowUs += 1000) }))]) {
    nowUs = record.appendedUs;
    await log.append(logTopics.deviceEvents.name, [record]);
  }
  const clock = { ...systemClock, nowUs: () => world.nowUs };
  const fleet = new Fleet({ log, clock, logger: silentLogger, registry: new Registry() });
  await fleet.start();
  onTestFinished(() => fleet.stop(1000));
  return fleet;
}

/** Of devices whose packs are all stored but for the lost ones. */
function ledgerOf(world: World): Ledger {
  return new Map(
    world.devices.map(({ site, device, lastSeq, lost }) => {
      const ranges = SequenceRanges.from();
      for (let seq = 0; seq <= lastSeq; seq += 1) if (seq !== lost) ranges.add(seq);
      return [`${site}/${device}/${epoch}` as const, ranges];
    }),
  );
}

describe('the progress of a rollout, as the cloud reads it', () => {
  it('is what the gateway counts, at each moment', async () => {
    const world = new World(fleetOf(8), 1);
    const fails = (device: SimDevice, what: string) => what !== version || device.device !== 'pi-05';
    await world.begin(id, { stages, completeness: false, maxFailures: 1 });
    for (let n = 0; n < 14; n += 1) {
      await turn(world, fails);
      world.deliver(world.gateways[0]!);
      const { rollouts } = world.gateways[0]!;
      const gateways = viewRollout(rollouts.book.get(id)!, rollouts);
      const [cloud] = viewProgress(await cloudOf(world), undefined).rollouts;
      expect(cloud).toMatchObject({ id, version, status: gateways.status, reason: gateways.reason, devices: 8 });
      expect([cloud!.stage, cloud!.stages]).toEqual([gateways.stage, gateways.stages]);
    }
    const { rollouts, held } = viewProgress(await cloudOf(world), undefined);
    expect(rollouts[0]).toMatchObject({ status: 'done', stages: [{ status: 'passed' }, {}, {}] });
    expect(held).toMatchObject([{ device: 'pi-05', state: 'failed', said: 'rolled-back', online: true }]);
  });

  it('tells of a device that lacks a pack; what it just sent takes a moment', async () => {
    const world = new World(fleetOf(3), 1);
    await world.begin(id, { stages });
    world.devices[0]!.lost = 11;
    for (let n = 0; n < 6; n += 1) await turn(world);
    const fleet = await cloudOf(world);
    const { rollouts, held } = viewProgress(fleet, ledgerOf(world));
    expect(rollouts[0]!.stages).toMatchObject([{ status: 'open', states: { complete: 1, confirmed: 1 } }, {}, {}]);
    expect(held).toMatchObject([{ device: 'pi-00', state: 'confirmed', missing: 1 }]);
    world.devices[0]!.lost = world.devices[0]!.lastSeq;
    expect(viewProgress(fleet, ledgerOf(world)).held).toEqual([]);
    expect(viewProgress(fleet, undefined).held).toMatchObject([{ missing: null }, { missing: null }]);
  });

  it('stays small: the newest rollouts and those under way, with some of the devices that are not through', async () => {
    const devices = Array.from({ length: maxHeld + 9 }, (_, n) => new SimDevice('plant1', `pi-${n}`, {}));
    const world = new World(devices, 1);
    const all = [{ name: 'all', select: 'all' }];
    await world.begin('first', { stages: all, only: 'plant1/pi-0', completeness: false });
    for (let n = 0; n < 9; n += 1) {
      await world.begin(`old-${n}`, { stages: all, completeness: false });
      await world.order(`old-${n}`, 'abort');
    }
    await world.begin(id, { stages: all, completeness: false });
    for (const device of devices) world.goOffline(device);
    await turn(world);
    const { rollouts, held, heldMore } = viewProgress(await cloudOf(world), undefined);
    expect(rollouts.map((one) => [one.id, one.status, one.stages !== null])).toEqual([
      [id, 'running', true],
      ...[8, 7, 6, 5].map((n) => [`old-${n}`, 'aborted', false]),
      ['first', 'running', true],
    ]);
    expect([held.length, heldMore, held[0]]).toMatchObject([maxHeld, 9, { state: 'announced', online: false }]);
  });
});

describe('what a device runs', () => {
  it('stands beside what it is to run, since when, and what it ran before', async () => {
    const world = new World(fleetOf(8), 1);
    const [canary, , last] = world.devices;
    await world.begin(id, { stages, completeness: false });
    await turn(world);
    await turn(world);
    const fleet = await cloudOf(world);
    const releaseOf = (device: SimDevice, of = fleet) => viewDevice(of.device(device)!, of, undefined).release;
    expect(releaseOf(canary!)).toMatchObject({
      wanted: { id, version },
      report: { status: 'confirmed' },
      from: '1.0.0',
    });
    expect(releaseOf(last!)).toMatchObject({ wanted: null, report: { id: '', version: '1.0.0' }, from: null });
    const { sinceUs } = releaseOf(canary!)!.report!;
    // It says it again on each connection; and the wish is taken back.
    const again = world.log.findLast(({ key }) => key === deviceEventKey(canary!, 'release-report'))!;
    const none = { key: deviceEventKey(canary!, 'release'), value: new Uint8Array() };
    const later = await cloudOf(world, again, none);
    expect(releaseOf(canary!, later)).toMatchObject({ wanted: null, report: { status: 'confirmed', sinceUs } });
  });

  it('is found under the name that its hardware took over', async () => {
    const world = new World(fleetOf(2), 1);
    await world.begin(id, { stages, completeness: false });
    await turn(world);
    const naming = { fromUs: 0, site: 'plant1', device: 'press', sensors: {} };
    const value = { type: 'registration', state: 'adopted', sinceUs: 1, by: 'test', namings: [naming] };
    const renamed: LogRecord = {
      key: deviceEventKey(world.devices[0]!, 'registration'),
      value: Buffer.from(JSON.stringify(value)),
    };
    const fleet = await cloudOf(world, renamed);
    const press = fleet.device({ site: 'plant1', device: 'press' })!;
    expect(viewDevice(press, fleet, undefined).release).toMatchObject({ report: { id, status: 'trying' } });
    expect(viewProgress(fleet, undefined).held.map(({ device }) => device)).toContain('press');
  });
});
