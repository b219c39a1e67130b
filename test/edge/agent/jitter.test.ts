import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Jitter } from '../../../edge/agent/jitter.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSensor, testAgent } from './fakes.js';

/** A machine whose timers end late. */
class LateClock extends ManualClock {
  lateMs = 0;

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(ms + this.lateMs, signal);
  }
}

describe('the time by which reads begin late', () => {
  it('is told by sensor: mean, p99 and worst', async () => {
    const clock = new LateClock();
    const sensor = new ScriptedSensor(clock, ['a']);
    const { agent, registry } = testAgent(clock, { sensors: [{ name: 'probe', sensor, intervalMs: 100 }] });
    await agent.start();
    clock.lateMs = 2;
    await clock.advance(20_000);
    clock.lateMs = 40;
    await clock.advance(500);
    const { meanJitterMs, p99JitterMs, maxJitterMs, missed } = agent.status().sensors[0]!;
    expect(missed).toBe(0);
    expect(maxJitterMs).toBe(40);
    expect(meanJitterMs).toBeGreaterThan(2);
    expect(meanJitterMs).toBeLessThan(4);
    // Five of some two hundred reads were 40 ms late.
    expect(p99JitterMs).toBe(40);
    const text = await registry.metrics();
    expect(text).toMatch(/^fieldline_edge_sampling_jitter_p99_seconds\{sensor="probe"\} 0\.04$/m);
    expect(text).toMatch(/^fieldline_edge_sensor_up\{sensor="probe"\} 1$/m);
    expect(text).toMatch(/^fieldline_edge_sensor_failures\{sensor="probe"\} 0$/m);
  });

  it('has a percentile that is never too low, and at most a fifth too high', () => {
    const lateness = fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(lateness, fc.constantFrom(0.5, 0.9, 0.99, 1), (values, share) => {
        const jitter = new Jitter();
        for (const value of values) jitter.note(value);
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;
        const told = jitter.percentileMs(share);
        expect(told).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
        expect(told).toBeLessThanOrEqual(Math.max(exact * 1.2, 0.01));
      }),
    );
  });

  it('forgets a bad hour', () => {
    const jitter = new Jitter();
    for (let i = 0; i < 10_000; i += 1) jitter.note(500);
    expect(jitter.percentileMs(0.99)).toBe(500);
    for (let i = 0; i < 100_000; i += 1) jitter.note(1);
    expect(jitter.percentileMs(0.99)).toBeLessThan(1.2);
    expect(jitter.maxMs).toBe(500);
  });

  it('is nothing before the first read, and not negative where the clock stepped back', () => {
    const jitter = new Jitter();
    expect([jitter.meanMs, jitter.percentileMs(0.99), jitter.maxMs]).toEqual([0, 0, 0]);
    jitter.note(-5);
    expect(jitter.percentileMs(0.99)).toBe(0);
  });
});
