import { describe, expect, it } from 'vitest';
import { UnsentWatch, type Writing } from '../../../gateway/limits/unsent-watch.js';

class Connection implements Writing {
  refusals: string[] = [];
  constructor(public unsentBytes = 0) {}
  refuse(reason: string, detail: string): void {
    this.refusals.push(`${reason}: ${detail}`);
  }
}

const watch = () => new UnsentWatch({ maxBytes: 1000, maxTotalBytes: 2000 });

describe('connections that do not read', () => {
  it('are closed when too much waits for them', () => {
    const [good, bad] = [new Connection(1000), new Connection(1001)];
    watch().sweep([good, bad], 0);
    expect([good.refusals, bad.refusals]).toEqual([[], ['slow-reader: 1001 bytes wait for it to read']]);
  });

  it('are closed when they take nothing for a minute, and not while they take something', () => {
    const watching = watch();
    const [stalled, slow, quiet] = [new Connection(500), new Connection(500), new Connection()];
    for (let nowMs = 0; nowMs <= 61_000; nowMs += 500) {
      watching.sweep([stalled, slow, quiet], nowMs);
      slow.unsentBytes -= 1;
    }
    expect([slow.refusals, quiet.refusals]).toEqual([[], []]);
    expect(stalled.refusals[0]).toBe('slow-reader: it reads nothing of what it is sent');
  });

  it('are not held to what waited before', () => {
    const watching = watch();
    const connection = new Connection(500);
    watching.sweep([connection], 0);
    connection.unsentBytes = 0;
    watching.sweep([connection], 50_000);
    connection.unsentBytes = 500;
    watching.sweep([connection], 61_000);
    watching.sweep([connection], 100_000);
    expect(connection.refusals).toEqual([]);
  });

  it('are closed one by one, the worst first, when too much waits for all', () => {
    const all = [new Connection(700), new Connection(900), new Connection(600)];
    watch().sweep(all, 0);
    expect(all.map(({ refusals }) => refusals.length)).toEqual([0, 1, 0]);
  });
});
