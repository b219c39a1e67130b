import { describe, expect, it } from 'vitest';
import type { PipelineView } from '../../../cloud/console/page/api/types.js';
import { isLoss, pathStops } from '../../../cloud/console/page/model/path-stops.js';
import { ServerClock } from '../../../cloud/console/page/model/server-clock.js';
import { StageRates } from '../../../cloud/console/page/model/stage-flow.js';

type Stage = PipelineView['stages'][number];

const stage = (name: string, taken: number, out: number, reasons: Record<string, number> = {}): Stage => {
  const dropped = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  return { stage: name, in: taken, out, dropped, inFlight: taken - out - dropped, reasons };
};

function view(seconds: number, stages: readonly Stage[], over: Partial<PipelineView> = {}): PipelineView {
  return {
    timeUs: seconds * 1e6,
    uptimeMs: seconds * 1000,
    readingsPerSecond: 0,
    latencyMs: null,
    devicesOnline: 2,
    devicesTotal: 3,
    outboxPending: 1,
    stages,
    log: { lag: { ingest: 7 }, healthy: true },
    store: { healthy: false },
    rollups: { remaining: null },
    ...over,
  };
}

describe('the rates of the stages', () => {
  it('are told over the last seconds', () => {
    const rates = new StageRates(5000);
    expect(rates.add(view(1, [stage('ingest', 100, 90)]))[0]!.inPerSecond).toBeNull();
    for (let s = 2; s <= 20; s += 1) rates.add(view(s, [stage('ingest', 100 * s, 100 * s)]));
    expect(rates.add(view(21, [stage('ingest', 2600, 2600)]))[0]!.inPerSecond).toBe(200);
  });

  it('begin anew when the server did', () => {
    const rates = new StageRates();
    rates.add(view(100, [stage('ingest', 5000, 5000)]));
    const restarted = { ...view(101, [stage('ingest', 3, 3)]), uptimeMs: 500 };
    expect(rates.add(restarted)[0]!.inPerSecond).toBeNull();
  });
});

describe('the path of a reading', () => {
  const rates = new StageRates();
  const stages = [
    stage('edge_agent', 100, 90),
    stage('edge_outbox', 90, 70, { 'disk-full': 5 }),
    stage('gateway', 70, 60, { returned: 4, 'not-json': 1 }),
    stage('ingest', 60, 60),
    stage('novel', 1, 1),
  ];
  const stops = pathStops(view(1, stages), rates.add(view(1, stages)));

  it('has its stops in order, and those that nobody knows behind them', () => {
    expect(stops.map(({ title }) => title)).toEqual(['Edge', 'Gateway', 'Log', 'Ingest', 'Store', 'novel']);
  });

  it('adds up stages behind each other', () => {
    const { counts } = stops[0]!;
    expect(counts).toMatchObject({ in: 100, out: 70, dropped: 5, inFlight: 25, unaccounted: 0 });
    expect(counts!.in).toBe(counts!.out + counts!.dropped + counts!.inFlight);
  });

  it('tells a loss from what comes again', () => {
    expect(stops[1]!.counts!.reasons).toEqual([
      ['returned', 4],
      ['not-json', 1],
    ]);
    expect(['returned', 'handed-back', 'not-json'].map(isLoss)).toEqual([false, false, true]);
  });

  it('says what the stops without counts know', () => {
    expect(stops[2]!.facts).toEqual(['7 records not stored yet']);
    expect(stops[4]).toMatchObject({ healthy: false, facts: [], counts: undefined });
  });

  it('shows readings that are unaccounted for', () => {
    const broken = [{ ...stage('ingest', 10, 9), inFlight: 0 }];
    const [, , , ingest] = pathStops(view(1, broken), new StageRates().add(view(1, broken)));
    expect(ingest!.counts!.unaccounted).toBe(1);
  });
});

it('ages are told by the server’s clock', () => {
  let nowMs = 1000;
  const clock = new ServerClock(() => nowMs);
  clock.hear(5_000_000);
  nowMs = 1500;
  expect(clock.nowUs()).toBe(5_500_000);
});
