import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import type { Point } from '#core/contract/reading.js';
import fc from 'fast-check';
import { expect } from 'vitest';
import { expectRollupsOf, windowPoint } from '../../contracts/series-store/expected.js';
import { allPoints, repairAll, TestDevice, write } from '../../contracts/series-store/harness.js';
import { within } from '../../servers/wait-for.js';
import { ManualClock } from '../../support/manual-clock.js';
import { rawPoint } from '../../support/packs.js';
import { openDuckDB, type DuckDBUnderTest } from './duckdb-files.js';

/** Where a point lies: so many days ago, in one of a few minutes around hours and days; a few of each. */
interface Place {
  readonly daysAgo: number;
  readonly minute: number;
  readonly kind: 'raw' | 'minute' | 'quarter' | 'wide';
  readonly offset: number;
}

type Action =
  | { readonly do: 'write'; readonly places: readonly Place[] }
  | { readonly do: 'repair'; readonly daysAgo: number }
  | { readonly do: 'pass'; readonly days: number }
  | { readonly do: 'shed'; readonly part: number }
  | { readonly do: 'prune' | 'crash' | 'repeat' };

const place: fc.Arbitrary<Place> = fc.record({
  daysAgo: fc.integer({ min: 0, max: 10 }),
  minute: fc.constantFrom(0, 1, 59, 60, 61, 720, 1439),
  kind: fc.constantFrom('raw' as const, 'raw' as const, 'minute' as const, 'quarter' as const, 'wide' as const),
  offset: fc.integer({ min: 0, max: 3 }),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      places: fc.array(place, { minLength: 1, maxLength: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repair' as const), daysAgo: fc.integer({ min: 0, max: 8 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('pass' as const), days: fc.double({ min: 0.1, max: 4, noNaN: true }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('shed' as const), part: fc.double({ min: 0.1, max: 0.9, noNaN: true }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('prune' as const, 'crash' as const, 'repeat' as const) }) },
);

/** A store beside what it must hold: every point ever taken, once. */
class Model {
  readonly clock = new ManualClock();
  readonly device = new TestDevice();
  private readonly taken = new Map<string, Point>();
  private packs: Parameters<typeof write>[1][] = [];
  /** Before it a point may be gone from the raw points, so that a repeat of it would not be known. */
  private goneBeforeUs = 0;

  async run(under: DuckDBUnderTest, next: Action): Promise<void> {
    const { store } = under;
    const nowUs = this.clock.nowUs();
    this.goneBeforeUs = Math.max(this.goneBeforeUs, bucketStart(nowUs, dayUs) - 7 * dayUs);
    if (next.do === 'write') await this.write(under, next.places);
    else if (next.do === 'repair') await store.repairRollups(nowUs - next.daysAgo * dayUs);
    else if (next.do === 'pass') this.clock.stepWall((next.days * dayUs) / 1000);
    else if (next.do === 'prune') await store.prune(nowUs);
    else if (next.do === 'crash') await under.reopen();
    else if (next.do === 'shed') await this.shed(under, next.part);
    else await this.repeat(under);
  }

  /** After everything dirty was computed. */
  async check({ store }: DuckDBUnderTest): Promise<void> {
    await repairAll(store, this.clock.nowUs() + dayUs);
    const points = [...this.taken.values()];
    await expectRollupsOf(store, this.device, points);
    const stored = (await allPoints(store, this.device.filter)).map(({ form, timeUs }) => `${form} ${timeUs}`);
    expect(stored.filter((key) => !this.taken.has(key))).toEqual([]);
    const kept = [...this.taken].filter(([, { timeUs }]) => timeUs >= this.goneBeforeUs).map(([key]) => key);
    expect(kept.filter((key) => !stored.includes(key))).toEqual([]);
  }

  private async write({ store }: DuckDBUnderTest, places: readonly Place[]): Promise<void> {
    const points = places
      .map((at) => this.pointAt(at))
      .filter((point) => point.timeUs >= this.goneBeforeUs || !this.taken.has(keyOf(point)));
    const unique = [...new Map(points.map((point) => [keyOf(point), point])).values()];
    const pack = this.device.pack(unique);
    this.packs.push(pack);
    const outcome = await write(store, pack);
    expect(outcome.stored + outcome.expired).toBe(unique.length);
    for (const point of unique) this.taken.set(keyOf(point), point);
  }

  private async repeat({ store }: DuckDBUnderTest): Promise<void> {
    const readings = this.packs.reduce((sum, { pack }) => sum + pack.points.length, 0);
    expect(await write(store, ...this.packs)).toEqual({ stored: 0, duplicate: readings, expired: 0 });
  }

  private async shed({ store }: DuckDBUnderTest, part: number): Promise<void> {
    await store.shed((await store.bytes()) * part);
    this.goneBeforeUs = bucketStart(this.clock.nowUs(), hourUs);
  }

  private pointAt({ daysAgo, minute, kind, offset }: Place): Point {
    const startUs = bucketStart(this.clock.nowUs(), dayUs) - daysAgo * dayUs + minute * minuteUs;
    const values = [(minute % 7) + offset, daysAgo - 5, offset / 4];
    // Stamps of their own for each kind, so that first and last are beyond doubt.
    if (kind === 'raw') return rawPoint('temp', startUs + 1 + offset * 20_000_000, values[0]!);
    const spanUs = { minute: minuteUs, quarter: 15 * minuteUs, wide: 6 * hourUs }[kind];
    const shiftUs = { minute: 2, quarter: 3, wide: 4 }[kind];
    return windowPoint('temp', bucketStart(startUs, spanUs) + shiftUs, spanUs, values);
  }
}

function keyOf({ form, timeUs }: Point): string {
  return `${form} ${timeUs}`;
}

/** Runs random actions on a store and its model, `runs` times. Throws with the shortest actions that tell them apart. */
export async function checkAgainstModel(runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 14 }), async (actions) => {
      const model = new Model();
      const retention = { rawDays: 7, '1mDays': 3000, '1hDays': 3000 };
      const under = await openDuckDB({ clock: model.clock, retention });
      try {
        for (const next of actions) await within(JSON.stringify(next), 30_000, model.run(under, next));
        await within('the check', 60_000, model.check(under));
      } finally {
        await under.close();
      }
    }),
    { numRuns: runs, endOnFailure: true },
  );
}

/** Runs these actions on a store and its model: what random ones once found. */
export async function checkActions(actions: readonly Action[]): Promise<void> {
  const model = new Model();
  const under = await openDuckDB({ clock: model.clock, retention: { rawDays: 7, '1mDays': 3000, '1hDays': 3000 } });
  try {
    for (const next of actions) await model.run(under, next);
    await model.check(under);
  } finally {
    await under.close();
  }
}
