import { describe, expect, it } from 'vitest';
import { resolveAlertPack } from '../../../core/contract/alert.js';
import { resolvePack } from '../../../core/contract/pack.js';
import type { Reading } from '../../../core/contract/reading.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { Threshold } from '../../../core/signal/detectors/threshold.js';
import { Stuck } from '../../../core/signal/filters/stuck.js';
import { Pipeline, type PipelineOptions } from '../../../core/signal/pipeline.js';
import { PassThrough } from '../../../core/signal/reducers/pass-through.js';
import { WindowReducer } from '../../../core/signal/reducers/window.js';
import { ScriptedSensor, testAgent } from '../agent/fakes.js';
import { bootedUs, bootId, TestBoard } from './clock-under-test.js';

const hot = { rule: 'hot', severity: 'warning', side: 'above', threshold: 5 } as const;
const sampled = { name: 's', intervalMs: 1000 };

/** An agent with one sensor on a board in 1970. */
async function agentOn(board: TestBoard, over: Partial<PipelineOptions> = {}, values = (n: number) => n) {
  const clock = await board.start();
  const sensor = new ScriptedSensor(clock, ['temp'], values);
  const pipelineFor = () => new Pipeline({ reducer: new PassThrough(), ...over });
  const test = testAgent(clock, { sensors: [{ ...sampled, sensor }], timeline: clock, pipelineFor });
  await test.agent.start();
  return { ...test, sensor, clock };
}

describe('an agent that does not know the time', () => {
  it('packs uptimes with their boot, and never beside dates', async () => {
    const board = await TestBoard.create();
    const { outbox, agent } = await agentOn(board);
    await board.system.advance(3400);
    await board.synchronise();
    await board.system.advance(3000);
    await agent.stop(1000);
    const packs = outbox.packs();
    for (const { boot, points } of packs) {
      const isDate = points.map(({ timeUs }) => timeUs >= bootedUs);
      expect(isDate).toEqual(points.map(() => boot === undefined));
      expect(points.every(({ quality, form }) => quality === 'good' && form === 'raw')).toBe(true);
    }
    expect(packs.filter(({ boot }) => boot === bootId).flatMap(({ points }) => points)).toHaveLength(3);
    const times = packs.flatMap((pack) => resolvePack(pack, bootedUs).points.map(({ timeUs }) => timeUs));
    expect(times).toEqual([1, 2, 3, 4, 5, 6].map((second) => bootedUs + second * 1e6));
    expect(agent.status()).toMatchObject({ in: 6, out: 6, dropped: 0, inFlight: 0 });
  });

  it('sends alerts at once, with the boot', async () => {
    const board = await TestBoard.create();
    const { outbox } = await agentOn(board, { detectors: [new Threshold(hot)] }, (n) => (n === 1 ? 9 : 0));
    await board.system.advance(2200);
    expect(outbox.alerts()).toMatchObject([{ bboot: bootId, alerts: [{ state: 'raised', timeUs: uptimeStamp(2e6) }] }]);
    await board.synchronise();
    await board.system.advance(1000);
    const alerts = outbox.alerts().flatMap((pack) => resolveAlertPack(pack, bootedUs).alerts);
    // It is the same alert that is cleared in true time.
    expect(alerts.map(({ state, timeUs }) => [state, timeUs - bootedUs])).toEqual([
      ['raised', 2e6],
      ['cleared', 3e6],
    ]);
  });

  it('makes no windows, which cannot be aligned, and makes them when it can', async () => {
    const board = await TestBoard.create();
    const { outbox, agent } = await agentOn(board, { reducer: new WindowReducer(2e6) });
    await board.system.advance(5400);
    await board.synchronise();
    await board.system.advance(6000);
    await agent.stop(1000);
    const packs = outbox.packs();
    const forms = (unsynced: boolean) =>
      packs
        .filter(({ boot }) => (boot !== undefined) === unsynced)
        .flatMap(({ points }) => points.map(({ form }) => form));
    expect(forms(true)).toEqual(Array(5).fill('raw'));
    expect(forms(false)).toContain('window');
    expect(agent.status()).toMatchObject({ in: 11, out: 11, inFlight: 0 });
  });

  it('takes no step of the clock for time that has passed', async () => {
    const board = await TestBoard.create();
    const detectors = [new Threshold({ ...hot, holdUs: 3600e6 })];
    const { outbox } = await agentOn(board, { detectors, filters: [new Stuck({ afterUs: 3600e6 })] }, () => 9);
    await board.system.advance(3400);
    await board.synchronise();
    await board.system.advance(3000);
    board.system.stepWall(3 * 86_400_000);
    await board.system.advance(3000);
    expect(outbox.alerts()).toEqual([]);
    expect(outbox.points().map(({ quality }) => quality)).not.toContain('stuck');
    expect(outbox.points().length).toBeGreaterThanOrEqual(8);
  });

  it('gives a true time to what a sensor measured before and hands out after, and a stamp only once', async () => {
    const board = await TestBoard.create();
    const { outbox, sensor, clock } = await agentOn(board);
    const early: Reading[] = [];
    sensor.read = () => {
      if (clock.unsyncedBoot === undefined) return Promise.resolve(early.splice(0));
      const timeUs = clock.nowUs();
      early.push({ sensor: 'temp', timeUs, value: early.length, quality: 'good' });
      // The same moment is handed out twice: once now, once with what is late.
      return Promise.resolve([{ sensor: 'temp', timeUs, value: -1, quality: 'good' as const }]);
    };
    await board.system.advance(3400);
    await board.synchronise();
    await board.system.advance(2000);
    const late = outbox
      .packs()
      .filter(({ boot }) => boot === undefined)
      .flatMap(({ points }) => points);
    expect(late.map(({ timeUs, value }) => [value, timeUs - bootedUs])).toEqual([
      [0, 1e6 + 1],
      [1, 2e6 + 1],
      [2, 3e6 + 1],
    ]);
  });

  it('packs what a sensor with a clock of its own says apart, and as it is', async () => {
    const board = await TestBoard.create();
    const { outbox, sensor, clock } = await agentOn(board, { detectors: [new Threshold(hot)] });
    let n = 0;
    sensor.read = () => {
      const timeUs = (n += 1) % 2 === 0 ? clock.nowUs() : bootedUs + n;
      return Promise.resolve([{ sensor: 'temp', timeUs, value: n, quality: 'good' as const }]);
    };
    await board.system.advance(7200);
    const packs = outbox.packs().map(({ boot, points }) => [boot, ...points.map(({ value }) => value)]);
    expect(packs).toEqual([1, 2, 3, 4, 5, 6, 7].map((value) => [value % 2 === 0 ? bootId : undefined, value]));
    expect(outbox.alerts().map(({ bboot }) => bboot)).toEqual([bootId]);
  });
});

it('keeps stamps of one sensor unique when the clock is set back over what it has stamped', async () => {
  const board = await TestBoard.create();
  board.trusted = true;
  board.system.stepWall(bootedUs / 1000);
  const { outbox } = await agentOn(board);
  for (let i = 0; i < 4; i += 1) {
    await board.system.advance(20_000);
    board.system.stepWall(-20_000);
  }
  const times = outbox.points().map(({ timeUs }) => timeUs);
  expect(times.length).toBeGreaterThan(60);
  expect(new Set(times).size).toBe(times.length);
});
