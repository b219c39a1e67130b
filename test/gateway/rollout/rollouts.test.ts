import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceKey } from '../../../core/contract/names.js';
import { statusOf } from '../../../core/contract/rollout-state.js';
import { openedStage, SimDevice, version, World, type TestGateway } from './world.js';

const id = 'two-1';
const stages = [
  { name: 'canary', select: 'label:ring=canary' },
  { name: 'half', select: '50%' },
  { name: 'all', select: '100%' },
];

function fleet(devices = 8): SimDevice[] {
  return Array.from({ length: devices }, (_, n) => {
    const labels: Record<string, string> = n < 2 ? { ring: 'canary' } : {};
    return new SimDevice('plant1', `pi-0${n}`, labels);
  });
}

type Works = (device: SimDevice, version: string) => boolean;
const works: Works = () => true;
const fails: Works = (_device, what) => what !== version;

/** Lets everything take its course. */
async function settle(world: World, runs = works, turns = 60): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    for (const gateway of world.gateways) await look(world, gateway);
    for (const device of world.devices) world.step(device, runs);
    world.nowUs += 2_000_000;
  }
  for (const gateway of world.gateways) await look(world, gateway);
}

async function look(world: World, gateway: TestGateway): Promise<void> {
  world.deliver(gateway);
  await gateway.rollouts.advance(id);
  world.deliver(gateway);
}

const statusIn = (world: World) => statusOf(world.gateways[0]!.rollouts.book.get(id)!);
const running = (world: World) => world.devices.map((device) => device.running);

describe('a rollout', () => {
  it('goes through its stages, and ends when all devices run the release', async () => {
    const world = new World(fleet(), 2);
    await world.begin(id, { stages });
    await settle(world);
    expect(statusIn(world)).toBe('done');
    expect(new Set(running(world))).toEqual(new Set([version]));
    expect(world.log.map(openedStage).filter((stage) => stage !== undefined)).toEqual(
      expect.arrayContaining([0, 1, 2]),
    );
  });

  it('that is bad touches the canaries only, and takes back what they did not begin', async () => {
    const world = new World(fleet(), 2);
    await world.begin(id, { stages });
    await settle(world, fails);
    expect(statusIn(world)).toBe('failed');
    expect(running(world)).toEqual(Array.from({ length: 8 }, () => '1.0.0'));
    const touched = world.devices.filter((device) => world.told(device).length > 0);
    expect(touched.map(({ device }) => device)).toEqual(['pi-00', 'pi-01']);
    for (const device of touched) expect(world.gateways[0]!.desired.desired(device)?.id).toBeUndefined();
  });

  it('waits while a pack of an updated device is missing, and goes on when it came', async () => {
    const world = new World(fleet(), 1);
    await world.begin(id, { stages });
    world.devices[0]!.lost = 11;
    await settle(world);
    expect(statusIn(world)).toBe('running');
    expect(world.devices.filter((device) => device.running === version)).toHaveLength(2);
    world.devices[0]!.lost = undefined;
    await settle(world);
    expect(statusIn(world)).toBe('done');
  });

  it('does not mind what was missing before it began', async () => {
    const world = new World(fleet(), 1);
    world.devices[0]!.lost = 3;
    await world.begin(id, { stages });
    await settle(world);
    expect(statusIn(world)).toBe('done');
  });

  it('waits for a device that is offline, for ever or as long as it was told; that one gets it when it comes', async () => {
    for (const maxWaitMs of [undefined, 600_000]) {
      const world = new World(fleet(), 1);
      await world.begin(id, { stages, ...(maxWaitMs && { maxWaitMs }) });
      const away = world.devices[1]!;
      world.goOffline(away);
      await settle(world);
      expect(statusIn(world)).toBe('running');
      expect(running(world).filter((one) => one === version)).toHaveLength(1);
      world.nowUs += 700_000_000;
      // The others told that they are there meanwhile.
      for (const device of world.devices.filter(({ online }) => online)) {
        device.online = false;
        world.comeBack(device);
      }
      await settle(world);
      expect(statusIn(world)).toBe(maxWaitMs ? 'done' : 'running');
      expect(away.running).toBe('1.0.0');
      world.comeBack(away);
      await settle(world);
      expect(statusIn(world)).toBe('done');
      expect(away.running).toBe(version);
    }
  });

  it('stands still while it is paused, and an abort leaves the rest alone or takes all back', async () => {
    for (const revert of [false, true]) {
      const world = new World(fleet(), 2);
      await world.begin(id, { stages });
      await settle(world, works, 3);
      await world.order(id, 'pause');
      await settle(world);
      const paused = running(world).filter((one) => one === version).length;
      expect(paused).toBeGreaterThan(0);
      expect(paused).toBeLessThan(8);
      await world.order(id, 'run');
      await settle(world, works, 4);
      await world.order(id, 'abort', revert);
      await settle(world);
      expect(statusIn(world)).toBe('aborted');
      const updated = running(world).filter((one) => one === version).length;
      if (revert) expect(updated).toBe(0);
      else expect(updated).toBeGreaterThanOrEqual(paused);
    }
  });

  it('lets so many devices begin at once', async () => {
    const world = new World(fleet(9), 2);
    await world.begin(id, { stages: [{ name: 'all', select: 'all' }] });
    for (const gateway of world.gateways) await look(world, gateway);
    expect(world.devices.filter((device) => world.told(device).length > 0)).toHaveLength(3);
    await settle(world);
    expect(statusIn(world)).toBe('done');
  });

  it('may follow another one, however soon the log tells what was said', async () => {
    const world = new World(fleet(), 2);
    world.isEager = true;
    await world.begin('one-0', { stages: [{ name: 'all', select: 'all' }] });
    for (const gateway of world.gateways) await gateway.rollouts.advance('one-0');
    await world.order('one-0', 'abort');
    await world.begin(id, { stages });
    await settle(world);
    expect(statusIn(world)).toBe('done');
    expect(new Set(running(world))).toEqual(new Set([version]));
  });

  it('leaves a device alone of which somebody desired another release since', async () => {
    const world = new World(fleet(4), 1);
    await world.begin(id, { stages: [{ name: 'all', select: 'all' }] });
    const [gateway] = world.gateways;
    await look(world, gateway!);
    const other = world.devices.find((device) => world.told(device).length === 0)!;
    const told = world.devices.find((device) => world.told(device).length > 0)!;
    const { payload } = gateway!.desired.desired(told)!;
    const release = { ...(JSON.parse(Buffer.from(payload).toString()) as object), id: 'by-hand' };
    await gateway!.desired.desire([{ device: other, release: release as never }]);
    await settle(world);
    expect(statusIn(world)).toBe('done');
    expect(world.told(other)).toEqual(['by-hand']);
  });
});

describe('a rollout, whatever happens', () => {
  interface Model {
    opened: number;
  }
  interface Real {
    readonly world: World;
    readonly maxFailures: number;
    readonly bad: ReadonlySet<string>;
  }
  const runs =
    ({ bad }: Real) =>
    (device: SimDevice, what: string) =>
      what !== version || !bad.has(deviceKey(device));

  class Act implements fc.AsyncCommand<Model, Real> {
    constructor(
      private readonly name: string,
      private readonly work: (real: Real) => unknown,
    ) {}
    check = (): boolean => true;
    run = async (_model: Model, real: Real): Promise<void> => void (await this.work(real));
    toString = (): string => this.name;
  }

  const device = fc.nat(7);
  const gateway = fc.nat(1);
  const act = (name: string, work: (real: Real) => unknown) => new Act(name, work);
  const commands = fc.commands(
    [
      fc.tuple(gateway, fc.nat(40)).map(([g, n]) =>
        act(`gateway ${g} reads ${n} and acts`, async ({ world }) => {
          world.deliver(world.gateways[g]!, n);
          await world.gateways[g]!.rollouts.advance(id);
          world.nowUs += 1_500_000;
        }),
      ),
      fc.tuple(gateway, fc.constant(0)).map(([g]) =>
        act(`gateway ${g} reads all and acts`, async ({ world }) => {
          await look(world, world.gateways[g]!);
          world.nowUs += 1_500_000;
        }),
      ),
      gateway.map((g) =>
        act(`gateway ${g} is killed, another comes`, ({ world }) => {
          world.gateways[g] = world.newGateway();
        }),
      ),
      device.map((d) => act(`device ${d} goes on`, (real) => real.world.step(real.world.devices[d]!, runs(real)))),
      fc.constant(
        act('all devices go on', (real) => {
          for (const one of real.world.devices) real.world.step(one, runs(real));
        }),
      ),
      device.map((d) => act(`device ${d} goes offline`, ({ world }) => world.goOffline(world.devices[d]!))),
      device.map((d) => act(`device ${d} comes back`, ({ world }) => world.comeBack(world.devices[d]!))),
      device.map((d) =>
        act(`device ${d} loses a pack`, ({ world }) => void (world.devices[d]!.lost ??= world.devices[d]!.lastSeq + 1)),
      ),
      device.map((d) => act(`device ${d} sends it again`, ({ world }) => void (world.devices[d]!.lost = undefined))),
      fc
        .constantFrom('pause' as const, 'run' as const)
        .map((want) => act(want, async ({ world }) => world.order(id, want))),
      fc.constant(act('time goes by', ({ world }) => void (world.nowUs += 90_000_000))),
    ],
    { maxCommands: 120, size: '+2' },
  );

  /** What has to be true when a stage is opened, whoever opens it, however far behind the log it is. */
  function watch({ world, maxFailures }: Real): void {
    const proven = new Set<string>();
    world.onAppend = (record) => {
      const opened = openedStage(record);
      // A pack that was lost after the device was found complete does not undo that.
      for (const one of world.devices) {
        const report = world.reported(one);
        if (report?.id === id && report.status === 'confirmed' && world.isWhole(one)) proven.add(deviceKey(one));
      }
      if (opened === undefined || opened === 0) return;
      const rollout = world.gateways.map(({ rollouts }) => rollouts.book.get(id)).find((one) => one !== undefined)!;
      const before = rollout.devices.slice(0, opened).flat();
      const failed = before.filter((one) => world.reported(one)?.status === 'rolled-back');
      expect(failed.length).toBeLessThanOrEqual(maxFailures);
      for (const one of before) {
        const isFailed = world.reported(one)?.status === 'rolled-back';
        expect(isFailed || proven.has(deviceKey(one)), `stage ${opened} without ${deviceKey(one)}`).toBe(true);
      }
    };
  }

  it(
    'opens no stage before the devices of those before it are confirmed and complete',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(commands, fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]), fc.nat(2), async (all, bad, maxFailures) => {
          const devices = fleet();
          const real = {
            world: new World(devices, 2),
            maxFailures,
            bad: new Set(bad.map((n) => deviceKey(devices[n]!))),
          };
          await real.world.begin(id, { stages, maxFailures });
          watch(real);
          await fc.asyncModelRun(() => ({ model: { opened: 0 }, real }), all);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('a bad release never gets beyond the canaries', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (all) => {
        const devices = fleet();
        const real = { world: new World(devices, 2), maxFailures: 0, bad: new Set(devices.map(deviceKey)) };
        await real.world.begin(id, { stages });
        await fc.asyncModelRun(() => ({ model: { opened: 0 }, real }), all);
        const touched = devices.filter((one) => real.world.told(one).length > 0).map(({ device: name }) => name);
        expect(touched.filter((name) => name !== 'pi-00' && name !== 'pi-01')).toEqual([]);
        expect(devices.every((one) => one.running === '1.0.0')).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('comes to its end once everybody is there and nothing is missing', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (all) => {
        const real = { world: new World(fleet(), 2), maxFailures: 0, bad: new Set<string>() };
        await real.world.begin(id, { stages });
        await fc.asyncModelRun(() => ({ model: { opened: 0 }, real }), all);
        for (const one of real.world.devices) {
          real.world.comeBack(one);
          one.lost = undefined;
        }
        await real.world.order(id, 'run');
        await settle(real.world, works, 40);
        expect(statusIn(real.world)).toBe('done');
        expect(new Set(running(real.world))).toEqual(new Set([version]));
      }),
      { numRuns: 40 },
    );
  });
});
