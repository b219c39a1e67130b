import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { reachHost, watchLine, type Line } from '../../../edge/uplink/liveness.js';
import { ManualClock } from '../../support/manual-clock.js';

const keepaliveSeconds = 10;

/** A line on which nothing ever comes, unless a test says so. */
class SilentLine implements Line {
  unacknowledged = 0;
  receivedMs = 0;
  sentMs = 0;
  pings = 0;

  constructor(private readonly clock: ManualClock) {}

  ping(): void {
    this.pings += 1;
    this.sentMs = this.clock.monotonicMs();
  }
}

function watch(unacknowledged: number, reach: () => boolean) {
  const clock = new ManualClock();
  const line = new SilentLine(clock);
  line.unacknowledged = unacknowledged;
  const ended = new AbortController();
  const options = { clock, keepaliveSeconds, maxSilenceMs: 900_000, reach: () => Promise.resolve(reach()) };
  const seen: { reason?: string | undefined; done: boolean } = { done: false };
  void watchLine(line, ended.signal, options).then((reason) => Object.assign(seen, { reason, done: true }));
  return { clock, line, ended, seen };
}

describe('a silent line', () => {
  it('is given up after 1.5 keep-alives when nothing is due', async () => {
    const { clock, seen, line } = watch(0, () => true);
    await clock.advance(14_000);
    expect(seen.done).toBe(false);
    expect(line.pings).toBeGreaterThan(0);
    await clock.advance(2000);
    expect(seen.reason).toBe('the gateway does not answer pings');
  });

  it('stands through 10 minutes of held PUBACKs, while the gateway can be reached', async () => {
    const { clock, seen, line } = watch(16, () => true);
    await clock.advance(600_000);
    expect(seen.done).toBe(false);
    // The gateway must hear something in each keep-alive, or it would cut the line itself.
    expect(line.pings).toBeGreaterThanOrEqual(60);
    line.unacknowledged = 0;
    line.receivedMs = clock.monotonicMs();
    await clock.advance(10_000);
    expect(seen.done).toBe(false);
    await clock.advance(10_000);
    expect(seen.done).toBe(true);
  });

  it('is given up when the gateway cannot be reached twice in a row', async () => {
    const tries = [true, false, true, false, false];
    const { clock, seen } = watch(16, () => tries.shift()!);
    await clock.advance(30_000);
    expect(seen.done).toBe(false);
    await clock.advance(5000);
    expect(seen.reason).toBe('the gateway cannot be reached any more');
  });

  it('is given up after the longest silence, whatever can be reached', async () => {
    const { clock, seen } = watch(16, () => true);
    await clock.advance(899_000);
    expect(seen.done).toBe(false);
    await clock.advance(2000);
    expect(seen.reason).toBe('no word from the gateway for 900 s');
  });

  it('is watched no longer than it lasts', async () => {
    const { clock, seen, ended } = watch(0, () => true);
    ended.abort();
    await clock.advance(60_000);
    expect(seen).toEqual({ reason: undefined, done: true });
  });
});

describe('reaching a host', () => {
  it('tells whether somebody listens there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await reachHost(`mqtt://127.0.0.1:${port}`, 1000)).toBe(true);
    server.close();
    await once(server, 'close');
    expect(await reachHost(`mqtt://127.0.0.1:${port}`, 1000)).toBe(false);
  });
});
