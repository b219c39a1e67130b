import type { Point } from '#core/contract/reading.js';
import { bucketStart, dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { InfluxStore } from '../../../cloud/store/influx-store.js';
import type { PackToStore } from '../../../cloud/store/store.js';
import { expectRollupsOf, windowPoint } from '../../contracts/series-store/expected.js';
import { allPoints, repairAll, TestDevice, write } from '../../contracts/series-store/harness.js';
import type { Influxdb } from '../../servers/influxdb.js';
import { within } from '../../servers/wait-for.js';
import { rawPoint } from '../../support/packs.js';
import { influxStoreOn, ownBuckets, ShiftedClock } from './influx-fixture.js';
import { InfluxProbe } from './influx-probe.js';

/** Where a point lies: so many days ago, in one of a few minutes around hours and days; a few of each. */
interface Place {
  readonly daysAgo: number;
  readonly minute: number;
  readonly kind: keyof typeof spans;
  readonly offset: number;
}

type Action =
  | { readonly do: 'write'; readonly places: readonly Place[] }
  | { readonly do: 'repair'; readonly daysAgo: number }
  | { readonly do: 'pass'; readonly days: number }
  | { readonly do: 'crash' | 'repeat' };

const spans = { raw: 0, minute: minuteUs, quarter: 15 * minuteUs, wide: 6 * hourUs };
const retention = { rawDays: 7, '1mDays': 3000, '1hDays': 3000 };

const place: fc.Arbitrary<Place> = fc.record({
  daysAgo: fc.integer({ min: 0, max: 10 }),
  minute: fc.constantFrom(0, 1, 59, 60, 61, 720, 1439),
  kind: fc.constantFrom('raw' as const, 'raw' as const, 'minute' as const, 'quarter' as const, 'wide' as const),
  offset: fc.integer({ min: 0, max: 3 }),
});
const writing = fc.record({
  do: fc.constant('write' as const),
  places: fc.array(place, { minLength: 1, maxLength: 20 }),
});
const repairing = fc.record({ do: fc.constant('repair' as const), daysAgo: fc.integer({ min: 0, max: 8 }) });
const passing = fc.record({ do: fc.constant('pass' as const), days: fc.double({ min: 0.1, max: 4, noNaN: true }) });
const others = fc.record({ do: fc.constantFrom('crash' as const, 'repeat' as const) });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: writing },
  { weight: 2, arbitrary: repairing },
  { weight: 1, arbitrary: passing },
  { weight: 2, arbitrary: others },
);

/** A store beside what it must hold: every point ever taken, once. Its clock runs ahead of InfluxDB's. */
class Model {
  private readonly clock = new ShiftedClock(0);
  private readonly buckets = ownBuckets();
  private readonly device = new TestDevice();
  private readonly taken = new Map<string, Point>();
  private readonly packs: PackToStore[] = [];
  private store: InfluxStore;

  constructor(private readonly influxdb: Influxdb) {
    this.store = this.newStore();
  }

  async start(): Promise<void> {
    await this.store.start();
  }

  async run(next: Action): Promise<void> {
    if (next.do === 'write') await this.write(next.places);
    else if (next.do === 'repair') await this.store.repairRollups(this.clock.nowUs() - next.daysAgo * dayUs);
    else if (next.do === 'pass') await this.pass(next.days);
    else if (next.do === 'crash') await this.reopen();
    else await this.repeat();
  }

  /** After everything dirty was computed. */
  async check(): Promise<void> {
    await repairAll(this.store, this.clock.nowUs() + dayUs);
    await expectRollupsOf(this.store, this.device, [...this.taken.values()]);
    const stored = (await allPoints(this.store, this.device.filter)).map(keyOf);
    expect(stored.filter((key) => !this.taken.has(key))).toEqual([]);
    const kept = [...this.taken].filter(([, { timeUs }]) => timeUs >= this.goneBeforeUs).map(([key]) => key);
    expect(kept.filter((key) => !stored.includes(key))).toEqual([]);
    await this.store.stop(1000);
    // A server with a thousand buckets runs out of open files.
    const probe = new InfluxProbe(this.influxdb);
    for (const bucket of Object.values(this.buckets)) await probe.deleteBucket(bucket);
  }

  /** Before it a point may be missing from the raw points, so that a repeat in another pack would not be known. */
  private get goneBeforeUs(): number {
    return Math.ceil((this.clock.nowUs() - retention.rawDays * dayUs + 2 * hourUs) / dayUs) * dayUs;
  }

  private async write(places: readonly Place[]): Promise<void> {
    const points = places
      .map((at) => this.pointAt(at))
      .filter((point) => point.timeUs >= this.goneBeforeUs || !this.taken.has(keyOf(point)));
    const unique = [...new Map(points.map((point) => [keyOf(point), point])).values()];
    const pack = this.device.pack(unique);
    this.packs.push(pack);
    const outcome = await write(this.store, pack);
    expect(outcome.stored + outcome.expired).toBe(unique.length);
    for (const point of unique) this.taken.set(keyOf(point), point);
  }

  /** InfluxDB drops raw points by its own clock, so what is dirty must be computed before days pass, as the roller does. */
  private async pass(days: number): Promise<void> {
    await repairAll(this.store, this.clock.nowUs());
    this.clock.shiftUs += Math.round(days * dayUs);
  }

  private async repeat(): Promise<void> {
    const duplicate = this.packs.reduce((sum, { pack }) => sum + pack.points.length, 0);
    expect(await write(this.store, ...this.packs)).toEqual({ stored: 0, duplicate, expired: 0 });
  }

  private async reopen(): Promise<void> {
    this.store = this.newStore();
    await this.store.start();
  }

  private newStore(): InfluxStore {
    const { clock, buckets } = this;
    return influxStoreOn(this.influxdb, { retention, clock, buckets, tasks: false });
  }

  private pointAt({ daysAgo, minute, kind, offset }: Place): Point {
    const startUs = bucketStart(systemClock.nowUs() + this.clock.shiftUs, dayUs) - daysAgo * dayUs + minute * minuteUs;
    const values = [(minute % 7) + offset, daysAgo - 5, offset / 4];
    // Stamps of their own for each kind, so that first and last are beyond doubt.
    if (kind === 'raw') return rawPoint('temp', startUs + 1 + offset * 20_000_000, values[0]!);
    const shiftUs = { minute: 2, quarter: 3, wide: 4 }[kind];
    return windowPoint('temp', bucketStart(startUs, spans[kind]) + shiftUs, spans[kind], values);
  }
}

function keyOf({ form, timeUs }: { form: string; timeUs: number }): string {
  return `${form} ${timeUs}`;
}

/** Runs random actions on a store and its model, `runs` times. Throws with the actions that tell them apart. */
export async function checkAgainstModel(influxdb: Influxdb, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 14 }), async (actions) => {
      const model = new Model(influxdb);
      await model.start();
      for (const next of actions) await within(JSON.stringify(next), 60_000, model.run(next));
      await within('the check', 60_000, model.check());
    }),
    { numRuns: runs, endOnFailure: true },
  );
}
