import { describe, expect, it } from 'vitest';
import { RateLimiter, type Rates } from '../../../gateway/limits/rate-limiter.js';

function limiter(rates: Partial<Rates> = {}) {
  const now = { ms: 1000 };
  const made = new RateLimiter({ messagesPerSecond: 1e9, bytesPerSecond: 1e12, ...rates }, () => now.ms);
  return { now, admit: (bytes = 1) => made.admit(bytes) };
}

describe('the rate of one sender', () => {
  it('lets a second of messages through at once, and then as many as the time allows', () => {
    const { now, admit } = limiter({ messagesPerSecond: 10 });
    for (let i = 0; i < 10; i += 1) expect(admit()).toBe(0);
    expect(admit()).toBeCloseTo(100);
    now.ms += 99;
    expect(admit()).toBeGreaterThan(0);
    now.ms += 2;
    expect(admit()).toBe(0);
    expect(admit()).toBeGreaterThan(90);
  });

  it('lets one message of any size through, and then waits until it is paid for', () => {
    const { now, admit } = limiter({ bytesPerSecond: 1000 });
    expect(admit(5000)).toBe(0);
    expect(admit(1)).toBeCloseTo(4000);
    now.ms += 3999;
    expect(admit(1)).toBeCloseTo(1);
    now.ms += 1;
    expect(admit(5000)).toBe(0);
  });

  it('saves up no more than a second', () => {
    const { now, admit } = limiter({ messagesPerSecond: 5 });
    now.ms += 3_600_000;
    for (let i = 0; i < 5; i += 1) expect(admit()).toBe(0);
    expect(admit()).toBeGreaterThan(0);
  });

  it('does not count a message that must wait', () => {
    const { now, admit } = limiter({ messagesPerSecond: 1 });
    expect(admit()).toBe(0);
    for (let i = 0; i < 50; i += 1) admit();
    now.ms += 1000;
    expect(admit()).toBe(0);
  });

  it('in the long run passes what it should, however often it is asked', () => {
    const { now, admit } = limiter({ messagesPerSecond: 200, bytesPerSecond: 10_000 });
    let passed = 0;
    for (; now.ms < 61_000; now.ms += 7) while (admit(100) === 0) passed += 1;
    // 60 s of 100 messages of 100 bytes, and the second that was saved up.
    expect(passed).toBeGreaterThan(6000);
    expect(passed).toBeLessThan(6110);
  });
});
