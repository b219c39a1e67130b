import { describe, expect, it } from 'vitest';
import type { ApiClient, QueryRequest } from '../../../cloud/console/page/api/client.js';
import type { LiveFeed } from '../../../cloud/console/page/api/live-feed.js';
import type { Columns, LivePoint, QueryAnswer, Tier } from '../../../cloud/console/page/api/types.js';
import { LiveTracks } from '../../../cloud/console/page/state/live-tracks.js';

const minuteUs = 60e6;

function columns(points: readonly (readonly [timeUs: number, value: number])[]): Columns {
  const none = points.map(() => null);
  const [timeUs, value] = [points.map(([time]) => time), points.map(([, number]) => number)];
  return { timeUs, value, min: none, max: none, count: none, quality: none, form: points.map(() => 'raw') };
}

/** Tracks of `series` over answers that the test gives, and live readings that it says. */
function tracksOf(series: readonly string[], answer: (request: QueryRequest) => [Tier, Columns], perQuery?: number) {
  const asked: QueryRequest[] = [];
  let say: (points: readonly LivePoint[]) => void = () => undefined;
  const api = {
    query: async (request: QueryRequest): Promise<QueryAnswer> => {
      asked.push(request);
      const [tier, own] = answer(request);
      const answers = request.series.map((name) => ({ series: name, quantity: '', unit: '', columns: own }));
      return { ...request, tier, layer: 'speed', completeness: [], series: answers };
    },
  } as Partial<ApiClient> as ApiClient;
  const live = {
    watch: () => undefined,
    on: (_event: string, listener: typeof say) => {
      say = listener;
      return () => undefined;
    },
  } as unknown as LiveFeed;
  const tracks = new LiveTracks({ api, live, series, capacity: 100, perQuery });
  const touched: string[][] = [];
  tracks.follow((names) => touched.push([...names]));
  const points = (name: string): [number, number][] => {
    const { times, values } = tracks.buffer(name).track();
    return [...times].map((ms, i) => [ms, values[i]!]);
  };
  return { tracks, asked, touched, points, say: (...all: LivePoint[]) => say(all) };
}

const never = new AbortController().signal;
const raw = { fromUs: 0, toUs: 10e6, tier: 'raw', limit: 100 } as const;

describe('the tracks of some series', () => {
  it('are history with live readings behind it, none twice', async () => {
    const { tracks, say, points } = tracksOf(['a/b/c'], () => [
      'raw',
      columns([
        [1e6, 1],
        [2e6, 2],
      ]),
    ]);
    say(['a/b/c', 2e6, 2, 'good', 'raw'], ['a/b/c', 3e6, 3, 'good', 'raw']);
    await tracks.load(raw, true, never);
    say(['a/b/c', 4e6, 4, 'spike', 'raw'], ['x/y/z', 1, 1, 'good', 'raw']);
    expect(points('a/b/c')).toEqual([
      [1000, 1],
      [2000, 2],
      [3000, 3],
      [4000, 4],
    ]);
    expect(tracks.newest('a/b/c')).toEqual(['a/b/c', 4e6, 4, 'spike', 'raw']);
  });

  it('of a range that has ended are the history alone', async () => {
    const { tracks, say, points } = tracksOf(['a/b/c'], () => ['raw', columns([[1e6, 1]])]);
    await tracks.load(raw, false, never);
    say(['a/b/c', 4e6, 4, 'good', 'raw']);
    expect(points('a/b/c')).toEqual([[1000, 1]]);
  });

  it('are asked for part by part, all in the tier that the first answer chose', async () => {
    const names = ['a/b/c', 'a/b/d', 'a/b/e'];
    const { tracks, asked, touched } = tracksOf(names, () => ['1h', columns([])], 2);
    await tracks.load({ ...raw, tier: 'auto' }, true, never);
    expect(asked.map(({ series, tier }) => [series.length, tier])).toEqual([
      [2, 'auto'],
      [1, '1h'],
    ]);
    expect(touched).toEqual([['a/b/c', 'a/b/d'], ['a/b/e']]);
  });

  it('of minutes end in an open bucket that is whole from its start', async () => {
    const { tracks, say, points } = tracksOf(['a/b/c'], ({ tier }) =>
      tier === 'raw'
        ? [
            'raw',
            columns([
              [minuteUs, 1],
              [2 * minuteUs, 4],
              [2 * minuteUs + 10e6, 6],
            ]),
          ]
        : [
            '1m',
            columns([
              [0, 9],
              [minuteUs, 8],
            ]),
          ],
    );
    await tracks.load({ ...raw, tier: '1m' }, true, never);
    say(['a/b/c', 2 * minuteUs + 15e6, 100, 'good', 'raw']);
    await tracks.loadOpenBuckets(2 * minuteUs + 20e6, never);
    expect(points('a/b/c')).toEqual([
      [0, 9],
      [60_000, 8],
      [120_000, 5],
    ]);
    say(['a/b/c', 2 * minuteUs + 10e6, 6, 'good', 'raw'], ['a/b/c', 2 * minuteUs + 30e6, 11, 'good', 'raw']);
    expect(points('a/b/c').at(-1)).toEqual([120_000, 7]);
  });

  it('hold text as points without a number', async () => {
    const text = { ...columns([[1e6, 1]]), value: ['open'] };
    const { tracks, points } = tracksOf(['a/b/c'], () => ['raw', text]);
    await tracks.load(raw, true, never);
    expect(points('a/b/c')).toEqual([[1000, NaN]]);
  });
});
