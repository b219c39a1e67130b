import { describe, expect, it } from 'vitest';
import { ConnectQueue, type Visitor } from '../../../gateway/limits/connect-queue.js';
import { ManualClock } from '../../support/manual-clock.js';

function openQueue(perSecond: number, maxWaiting: number) {
  const clock = new ManualClock();
  const queue = new ConnectQueue({ clock, perSecond, maxWaiting });
  const [proceeded, refused]: [number[], number[]] = [[], []];
  const visitors: Visitor[] = [];
  const enter = (count: number): void => {
    for (const id of Array.from({ length: count }, (_, i) => visitors.length + i)) {
      visitors.push({ proceed: () => proceeded.push(id), refuse: () => refused.push(id) });
      queue.enter(visitors[id]!);
    }
  };
  return { clock, queue, enter, visitors, proceeded, refused };
}

const upTo = (end: number, start = 0) => Array.from({ length: end - start }, (_, i) => start + i);

describe('the queue of connections', () => {
  it('lets them in at its rate, in the order of their coming', async () => {
    const { clock, queue, enter, proceeded, refused } = openQueue(100, 1000);
    enter(500);
    expect(proceeded).toEqual(upTo(10));
    await clock.advance(1000);
    expect(proceeded.length).toBeGreaterThan(100);
    expect(proceeded.length).toBeLessThanOrEqual(111);
    await clock.advance(4000);
    expect(proceeded).toEqual(upTo(500));
    expect([queue.length, refused]).toEqual([0, []]);
  });

  it('refuses whoever finds it full, and nobody else', async () => {
    const { clock, enter, proceeded, refused } = openQueue(10, 20);
    enter(50);
    expect(refused).toEqual(upTo(50, 21));
    await clock.advance(3000);
    expect(proceeded).toEqual(upTo(21));
    enter(1);
    expect(proceeded.at(-1)).toBe(50);
  });

  it('a place is free as soon as somebody leaves', async () => {
    const { clock, queue, enter, visitors, proceeded, refused } = openQueue(10, 20);
    enter(21);
    for (const visitor of visitors.slice(2, 12)) queue.leave(visitor);
    enter(10);
    expect(refused).toEqual([]);
    await clock.advance(3000);
    expect(proceeded).toEqual([0, 1, ...upTo(31, 12)]);
  });

  it('nobody overtakes those that wait', async () => {
    const { clock, enter, proceeded } = openQueue(100, 1000);
    enter(30);
    await clock.advance(50);
    enter(30);
    await clock.advance(1000);
    expect(proceeded).toEqual(upTo(60));
  });

  it('waits for nothing when it is quiet', async () => {
    const { clock, enter, proceeded } = openQueue(1, 10);
    for (const count of upTo(5, 1)) {
      enter(1);
      expect(proceeded).toHaveLength(count);
      await clock.advance(1000);
    }
  });
});
