import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { StampLives } from '../../../edge/clock/stamp-lives.js';
import { bootedUs, bootId, holdMs, TestBoard } from './clock-under-test.js';

const dayMs = 86_400_000;
/** Stamps fall on every eighth microsecond. */
const about = (timeUs: number) => expect.closeTo(timeUs, -1.2) as number;

describe('a board that does not know the time', () => {
  it('stamps with its uptime, whatever its system believes', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    await board.system.advance(5000);
    expect([clock.nowUs(), clock.unsyncedBoot]).toEqual([uptimeStamp(5e6), bootId]);
    board.system.stepWall(3 * dayMs);
    expect(clock.nowUs()).toBe(uptimeStamp(5e6));
    expect(clock.status()).toEqual({ source: 'unknown', holding: true });
    expect(clock.knownClocks()).toEqual([]);
  });

  it('knows it once its system is to be trusted, and what its stamps meant', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    const steps: [number, boolean][] = [];
    clock.onStep((byUs, becameKnown) => steps.push([byUs, becameKnown]));
    await board.system.advance(5000);
    const early = clock.nowUs();
    await board.synchronise();
    expect([clock.nowUs(), clock.unsyncedBoot]).toEqual([bootedUs + 5.5e6, undefined]);
    expect(steps).toEqual([[bootedUs - uptimeStamp(0), true]]);
    expect(clock.stamp(early)).toBe(bootedUs + 5e6);
    expect(clock.knownClocks()).toEqual([{ bootId, offsetUs: bootedUs, source: 'system' }]);
  });

  it('gives a true time to its own stamps only', async () => {
    const board = await TestBoard.create();
    await board.system.advance(60_000);
    const clock = await board.start();
    await board.synchronise();
    for (const other of [bootedUs, 0, uptimeStamp(59e6), uptimeStamp(61e6)]) expect(clock.stamp(other)).toBe(other);
    expect(clock.stamp(uptimeStamp(60.2e6))).toBe(bootedUs + 60.2e6);
  });

  it('that always knew it remembers nothing but the time', async () => {
    const board = await TestBoard.create();
    board.system.stepWall(bootedUs / 1000);
    board.trusted = true;
    const clock = await board.start();
    expect([clock.nowUs(), clock.heldFrom(), clock.knownClocks()]).toEqual([bootedUs, undefined, []]);
    expect(JSON.parse(await readFile(join(board.folder, 'clock.json'), 'utf8'))).toEqual({
      floorUs: bootedUs,
      boots: [],
    });
  });

  it('never hears of it: it goes on by its uptime, for ever', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    await board.system.advance(2 * holdMs);
    board.system.stepWall(-3 * dayMs);
    await board.system.advance(1000);
    expect(clock.nowUs()).toBe(uptimeStamp(2 * holdMs * 1000 + 1e6));
    expect(clock.knownClocks()).toEqual([]);
  });
});

describe('a known clock', () => {
  it.each([3 * dayMs, -3 * dayMs, 5000, -5000])('follows a step of %i ms, and tells of it', async (stepMs) => {
    const board = await TestBoard.create();
    const clock = await board.start();
    await board.synchronise();
    const steps: [number, boolean][] = [];
    clock.onStep((byUs, becameKnown) => steps.push([byUs, becameKnown]));
    const before = clock.nowUs();
    board.system.stepWall(stepMs);
    expect(clock.nowUs() - before).toBeGreaterThanOrEqual(stepMs * 1000 - 8);
    expect(clock.nowUs() - before).toBeLessThanOrEqual(stepMs * 1000 + 8);
    await board.system.advance(500);
    expect(steps).toEqual([[stepMs * 1000, false]]);
    // What is said of the boot stays: its packs have their times.
    expect(clock.knownClocks()[0]!.offsetUs).toBe(bootedUs);
  });

  it('follows the drift that a time server corrects bit by bit, without a step', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    await board.synchronise();
    let steps = 0;
    clock.onStep(() => (steps += 1));
    for (let i = 0; i < 100; i += 1) {
      board.system.stepWall(0.2);
      await board.system.advance(1000);
    }
    expect(clock.nowUs()).toEqual(about(bootedUs + 100.5e6 + 20_000));
    expect(steps).toBe(0);
  });

  it('is unknown no more, though the system loses what it had', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    await board.synchronise();
    board.trusted = false;
    await board.system.advance(5000);
    expect(clock.status().source).toBe('system');
  });
});

describe('the time from the gateway', () => {
  it('is gone on with by the monotonic clock, and corrected beyond its error', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    await board.system.advance(5000);
    expect(clock.learn(bootedUs + 300, 1000)).toBe(true);
    expect(clock.nowUs()).toEqual(about(bootedUs + 300 + 5e6));
    expect(clock.knownClocks()).toEqual([{ bootId, offsetUs: bootedUs + 300, source: 'gateway', errorUs: 1000 }]);
    board.system.stepWall(3 * dayMs);
    await board.system.advance(5000);
    expect(clock.nowUs()).toEqual(about(bootedUs + 300 + 10e6));
    clock.learn(bootedUs + 900, 1000);
    expect(clock.nowUs()).toEqual(about(bootedUs + 300 + 10e6));
    clock.learn(bootedUs + 40_000, 1000);
    expect(clock.nowUs()).toEqual(about(bootedUs + 40_000 + 10e6));
    expect(clock.knownClocks()[0]!.offsetUs).toBe(bootedUs + 300);
  });

  it('gives way to that of the system, and is not asked for any more', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    clock.learn(bootedUs + 2e6, 1000);
    expect(clock.wantsTime).toBe(true);
    await board.synchronise();
    expect([clock.nowUs(), clock.wantsTime]).toEqual([about(bootedUs + 0.5e6), false]);
    expect(clock.learn(bootedUs + 9e6, 1)).toBe(false);
  });

  it('is not believed where it is over', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    expect(clock.learn(Date.UTC(2025, 0) * 1000, 1000)).toBe(false);
    expect(clock.unsyncedBoot).toBe(bootId);
  });
});

describe('packs without a time', () => {
  it('wait, from the first that has none; then they leave with their times', async () => {
    const board = await TestBoard.create();
    board.outbox = { ...board.outbox, lastSeq: 41 };
    const clock = await board.start();
    let news = 0;
    clock.onNews(() => (news += 1));
    expect(clock.heldFrom()).toBe(42);
    clock.noteUnsynced(42);
    clock.noteUnsynced(43);
    await board.synchronise();
    expect([clock.heldFrom(), news]).toEqual([undefined, 1]);
    expect([41, 42, 43, 44].map((seq) => clock.mayResolve(seq))).toEqual([false, true, true, false]);
  });

  it('wait no longer than told, over restarts as well, and then never change', async () => {
    const board = await TestBoard.create();
    await board.start();
    await board.system.advance(holdMs - 60_000);
    board.outbox = { ...board.outbox, lastSeq: 99 };
    const clock = await board.start();
    expect(clock.heldFrom()).toBe(0);
    let news = 0;
    clock.onNews(() => (news += 1));
    await board.system.advance(60_500);
    expect([clock.heldFrom(), news]).toEqual([undefined, 1]);
    await board.synchronise();
    expect(clock.mayResolve(50)).toBe(false);
    expect(clock.knownClocks()).toHaveLength(1);
    expect((await board.start()).mayResolve(50)).toBe(false);
  });

  it('of an earlier boot that knew the time still get theirs, those of one that did not never do', async () => {
    const board = await TestBoard.create();
    const first = await board.start();
    first.noteUnsynced(0);
    await board.synchronise();
    board.trusted = false;
    board.system.stepWall(-bootedUs / 1000);
    board.outbox = { ...board.outbox, lastSeq: 9 };
    board.bootId = 'c'.repeat(32);
    const second = await board.start();
    expect([second.heldFrom(), second.mayResolve(0), second.mayResolve(10)]).toEqual([10, true, false]);
    expect(second.knownClocks().map(({ bootId: of }) => of)).toEqual([bootId]);
    board.bootId = 'd'.repeat(32);
    const third = await board.start();
    await board.synchronise();
    expect(third.knownClocks().map(({ bootId: of }) => of)).toEqual([bootId, 'd'.repeat(32)]);
  });

  it('are forgotten once the outbox holds none of them', async () => {
    const board = await TestBoard.create();
    (await board.start()).noteUnsynced(0);
    await board.synchronise();
    board.bootId = 'c'.repeat(32);
    board.outbox = { ...board.outbox, lastSeq: 9, oldestHeld: 10 };
    expect((await board.start()).knownClocks()).toEqual([]);
  });

  it('all wait, and all may get a time, when they were numbered anew', async () => {
    const board = await TestBoard.create();
    board.outbox = { ...board.outbox, lastSeq: 41 };
    const clock = await board.start();
    board.outbox = { epoch: 'e'.repeat(32), lastSeq: 3, oldestHeld: 0 };
    expect(clock.heldFrom()).toBe(0);
    await board.synchronise();
    expect([clock.heldFrom(), clock.mayResolve(2)]).toEqual([undefined, true]);
  });

  it('wait on while what was decided about them cannot be written', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    // A folder stands where the new file has to go.
    await mkdir(join(board.folder, 'clock.json.new'));
    await board.synchronise();
    expect([clock.unsyncedBoot, clock.heldFrom(), clock.knownClocks()]).toEqual([undefined, 0, []]);
    await rm(join(board.folder, 'clock.json.new'), { recursive: true });
    await board.system.advance(500);
    expect([clock.heldFrom(), clock.knownClocks().length]).toEqual([undefined, 1]);
  });
});

describe('what is remembered', () => {
  it('lets a later process of the same boot know the time at once, by its monotonic clock', async () => {
    const board = await TestBoard.create();
    await board.start();
    await board.synchronise();
    board.trusted = false;
    board.system.stepWall(-3 * dayMs);
    const clock = await board.start();
    expect(clock.status()).toEqual({ source: 'reckoned', holding: false });
    expect(clock.nowUs()).toEqual(about(bootedUs + 0.5e6));
    expect(clock.wantsTime).toBe(true);
  });

  it('is a floor under the time: it rises hourly and when the device stops, and never falls', async () => {
    const board = await TestBoard.create();
    const clock = await board.start();
    const built = clock.floorUs;
    await board.system.advance(1000);
    expect(clock.floorUs).toBe(built);
    expect(clock.certificateTime()).toEqual({ timeUs: built, exact: false });
    await board.synchronise();
    expect([clock.floorUs, clock.certificateTime()]).toEqual([about(bootedUs + 1.5e6), undefined]);
    await board.system.advance(3_600_000);
    expect(clock.floorUs).toEqual(about(bootedUs + 3.6015e9));
    board.system.stepWall(-3 * dayMs);
    const behind = clock.certificateTime()!;
    expect(behind).toEqual({ timeUs: about(bootedUs + 3.6015e9 - 3 * dayMs * 1000), exact: true });
    await clock.stop();
    board.bootId = 'c'.repeat(32);
    board.trusted = false;
    expect((await board.start()).floorUs).toEqual(about(bootedUs + 3.6015e9));
  });

  it('is begun anew where it cannot be read', async () => {
    const board = await TestBoard.create();
    await writeFile(join(board.folder, 'clock.json'), '{"floorUs": "yesterday"');
    const clock = await board.start();
    expect(clock.unsyncedBoot).toBe(bootId);
    await chmod(board.folder, 0o755);
    await board.synchronise();
    expect(clock.knownClocks()).toHaveLength(1);
  });
});

it('gives no stamp twice to times that are lived through several times', () => {
  // Longer than a tick, or nothing would be lived through again.
  const steps = fc.array(fc.integer({ min: 901, max: 60_000 }), { maxLength: 6 });
  const ticks = fc.array(fc.integer({ min: 8, max: 900 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, ticks, (backs, forward) => {
      const lives = new StampLives();
      const seen = new Set<number>();
      let timeUs = bootedUs;
      for (const backUs of [0, ...backs]) {
        timeUs -= backUs;
        for (const tickUs of forward) {
          const stamp = lives.place((timeUs += tickUs));
          expect(seen.has(stamp)).toBe(false);
          expect(Math.abs(stamp - timeUs)).toBeLessThan(8);
          seen.add(stamp);
        }
      }
    }),
    { numRuns: 300 },
  );
});
