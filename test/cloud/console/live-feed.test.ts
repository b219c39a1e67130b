import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveFeed } from '../../../cloud/console/page/api/live-feed.js';

/** What of the browser's EventSource the feed uses; the test plays the network. */
class Stream extends EventTarget {
  closed = false;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(readonly url: string) {
    super();
  }

  close(): void {
    this.closed = true;
  }

  say(kind: string, body: unknown): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(body) }));
  }
}

describe('the live feed', () => {
  let streams: Stream[];
  let feed: LiveFeed;
  const last = (): Stream => streams.at(-1)!;

  beforeEach(() => {
    vi.useFakeTimers();
    streams = [];
    feed = new LiveFeed({
      url: '/live',
      open: (url) => {
        streams.push(new Stream(url));
        return last() as unknown as EventSource;
      },
      delays: function* () {
        for (let ms = 500; ; ms = Math.min(8000, ms * 2)) yield ms;
      },
      silentMs: 6000,
    });
    feed.start();
  });
  afterEach(() => {
    feed.stop();
    vi.useRealTimers();
  });

  it('hands on what it hears', () => {
    const heard: unknown[] = [];
    feed.on('readings', (points) => heard.push(points));
    const undo = feed.on('pipeline', (view) => heard.push(view));
    last().onopen!();
    last().say('readings', { points: [['a/b/c', 1, 2, 'good', 'raw']] });
    last().say('pipeline', { timeUs: 5 });
    undo();
    last().say('pipeline', { timeUs: 6 });
    expect(heard).toEqual([[['a/b/c', 1, 2, 'good', 'raw']], { timeUs: 5 }]);
    expect(feed.connection.value).toEqual({ state: 'live' });
  });

  it('comes back with growing waits, and says so once', () => {
    const back = vi.fn();
    feed.on('back', back);
    last().onopen!();
    expect(back).not.toHaveBeenCalled();
    for (const waitMs of [500, 1000, 2000]) {
      const tries = streams.length;
      last().onerror!();
      expect(feed.connection.value.state).toBe('away');
      vi.advanceTimersByTime(waitMs - 1);
      expect(streams).toHaveLength(tries);
      vi.advanceTimersByTime(1);
      expect(streams).toHaveLength(tries + 1);
    }
    expect(feed.awayMs()).toBe(3500);
    last().onopen!();
    expect(back).toHaveBeenCalledTimes(1);
    expect(feed.awayMs()).toBe(0);
    last().onerror!();
    vi.advanceTimersByTime(500);
    expect(streams).toHaveLength(5);
  });

  it('takes a connection that says nothing for dead', () => {
    last().onopen!();
    vi.advanceTimersByTime(5000);
    last().say('pipeline', {});
    vi.advanceTimersByTime(5000);
    expect(feed.connection.value.state).toBe('live');
    vi.advanceTimersByTime(2000);
    expect(feed.connection.value.state).toBe('away');
    expect(streams[0]!.closed).toBe(true);
  });

  it('changes its filter by one new connection, and only if it is another', async () => {
    last().onopen!();
    feed.watch(['a/b/c']);
    feed.watch([]);
    feed.watch(['a/b/c', 'a/b/d']);
    await Promise.resolve();
    expect(streams.map(({ url }) => url)).toEqual(['/live', '/live?series=a%2Fb%2Fc&series=a%2Fb%2Fd']);
    feed.watch(['a/b/c', 'a/b/d']);
    await Promise.resolve();
    expect(streams).toHaveLength(2);
    expect(streams.filter(({ closed }) => !closed)).toHaveLength(1);
  });

  it('asks for fifty series at most, and while it is away not before its time', async () => {
    last().onerror!();
    feed.watch(Array.from({ length: 80 }, (_, i) => `a/b/s${i}`));
    await Promise.resolve();
    expect(streams).toHaveLength(1);
    feed.retryNow();
    expect(last().url.match(/series=/g)).toHaveLength(50);
  });
});
