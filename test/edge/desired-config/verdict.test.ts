import { describe, expect, it } from 'vitest';
import type { SensorFlow } from '../../../edge/agent.js';
import { FlowWatch } from '../../../edge/desired-config/flow-watch.js';
import { verdict } from '../../../edge/desired-config/verdict.js';
import { ManualClock } from '../../support/manual-clock.js';

const flowOf = (counts: Record<string, number>, intervalMs = 1000) =>
  new Map(Object.entries(counts).map(([name, useful]) => [name, { useful, intervalMs }]));
const calm = { changed: false, acknowledged: false };
const judge = (sources: string[], flow: ReadonlyMap<string, SensorFlow>, uplink = calm) =>
  verdict({ probationMs: 120_000, sources, flow, uplink });

describe('a config', () => {
  it.each<[string, string[], ReadonlyMap<string, SensorFlow>, string | undefined]>([
    ['of sensors that all flow may stay', ['a', 'b'], flowOf({ a: 3, b: 1 }), undefined],
    ['that silences one of two must go', ['a', 'b'], flowOf({ a: 3, b: 0 }), 'no reading came from b within 120 s'],
    ['without one of the sensors may stay', ['a', 'b'], flowOf({ a: 3 }), undefined],
    ['of other sensors that flow may stay', ['a'], flowOf({ c: 1 }), undefined],
    ['of other sensors that are silent must go', ['a'], flowOf({ c: 0 }), 'no reading came within 120 s'],
    ['without any sensor must go', ['a'], flowOf({}), 'no sensor is left'],
    ['where nothing flowed before may stay', [], flowOf({ a: 0 }), undefined],
    ['is not judged by sensors that measure too seldom', ['a'], flowOf({ a: 0 }, 100_000), undefined],
  ])('%s', (_what, sources, flow, reason) => {
    expect(judge(sources, flow)).toBe(reason);
  });

  it('of another uplink needs an acknowledgement', () => {
    const flow = flowOf({ a: 1 });
    expect(judge(['a'], flow, { changed: true, acknowledged: true })).toBeUndefined();
    expect(judge(['a'], flow, { changed: true, acknowledged: false })).toBe(
      'the gateway acknowledged nothing within 120 s',
    );
  });
});

describe('a sensor flows steadily', () => {
  async function watched(rises: (second: number) => boolean, seconds: number): Promise<string[]> {
    const clock = new ManualClock();
    let useful = 0;
    const watch = new FlowWatch({ flow: () => flowOf({ a: useful }), clock, everyMs: 1000 });
    const stopping = new AbortController();
    const running = watch.run(stopping.signal);
    for (let second = 0; second < seconds; second += 1) {
      if (rises(second)) useful += 1;
      await clock.advance(1000);
    }
    const steady = watch.steady(120_000);
    stopping.abort();
    await running;
    return steady;
  }

  it('if its pauses are short', async () => {
    expect(await watched((second) => second % 10 === 0, 60)).toEqual(['a']);
  });
  it('but not after it has fallen silent', async () => {
    expect(await watched((second) => second < 30, 60)).toEqual([]);
  });
  it('nor if it speaks now and then', async () => {
    expect(await watched((second) => [1, 5, 200, 203].includes(second), 210)).toEqual([]);
  });
  it('nor before its rhythm is known', async () => {
    expect(await watched((second) => second === 1, 3)).toEqual([]);
  });
});
