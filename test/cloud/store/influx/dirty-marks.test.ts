import { dayUs, hourUs, minuteUs } from '#core/contract/time.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bits } from '../../../../cloud/store/influx/bits.js';
import {
  blockWidthUs,
  DirtyMarks,
  everySeries,
  type Marked,
  type Round,
} from '../../../../cloud/store/influx/dirty-marks.js';
import type { MarkRow } from '../../../../cloud/store/influx/mark-store.js';
import { Series } from '../../../../cloud/store/influx/series-registry.js';
import { rollupTiers } from '../../../../cloud/store/influx/tiers.js';

const series = ['a', 'b'].map((sensor) => new Series({ site: 's', device: 'd', sensor }, []));
const find = ({ sensor }: MarkRow): Marked | undefined =>
  sensor === '*' ? everySeries : series.find((each) => each.sensor === sensor);

/** Rows in memory that may refuse to be saved. */
class FlakyRows {
  readonly rows = new Map<string, MarkRow>();
  failing = false;

  load(): Promise<MarkRow[]> {
    return Promise.resolve([...this.rows.values()]);
  }

  save(rowsNow: () => readonly MarkRow[]): Promise<void> {
    const rows = rowsNow();
    if (this.failing) return Promise.reject(new Error('away'));
    for (const row of rows) this.rows.set(`${row.tier} ${row.blockUs} ${row.sensor}`, row);
    return Promise.resolve();
  }

  marked(): Set<string> {
    const marked = new Set<string>();
    for (const { tier, blockUs, sensor, bits } of this.rows.values()) {
      for (const bit of bits) marked.add(`${tier} ${sensor} ${blockUs + bit * rollupTiers[tier]!.widthUs}`);
    }
    return marked;
  }
}

test('a block of every tier holds at most 60 buckets', () => {
  expect(rollupTiers.map((tier) => blockWidthUs(tier) / tier.widthUs)).toEqual([60, 24, 30]);
});

test('bits are a set of the numbers 0 to 59', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 59 }), fc.boolean())), (changes) => {
      const [bits, model] = [new Bits(), new Set<number>()];
      for (const [bit, add] of changes) {
        if (add) bits.add(bit);
        else bits.delete(bit);
        if (add) model.add(bit);
        else model.delete(bit);
      }
      expect([...bits]).toEqual([...model].sort((a, b) => a - b));
      expect([bits.size, bits.isEmpty]).toEqual([model.size, model.size === 0]);
      expect(bits.low).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('buckets are taken from the newest block, and a failed round is dirty again', async () => {
  const marks = new DirtyMarks(new FlakyRows());
  const [minutes] = rollupTiers;
  for (const timeUs of [0, minuteUs, hourUs, -minuteUs]) marks.add(minutes, series[0]!, timeUs);
  const round = marks.take(minutes, () => true)!;
  expect([...round.buckets]).toEqual([[series[0], [hourUs]]]);
  expect(marks.size).toBe(3);
  marks.settle(round, false, () => false);
  expect(marks.size).toBe(4);
  expect(marks.take(minutes, (bucketUs) => bucketUs < hourUs)?.buckets.get(series[0]!)).toEqual([0, minuteUs]);
  expect(marks.hasBefore(minutes, 0)).toBe(true);
  expect(marks.hasBefore(minutes, -minuteUs)).toBe(false);
});

test('what a task may overwrite stays marked until the task is done with it', async () => {
  const rows = new FlakyRows();
  const marks = new DirtyMarks(rows);
  const [minutes] = rollupTiers;
  marks.add(minutes, everySeries, 0);
  marks.settle(
    marks.take(minutes, () => true)!,
    true,
    () => true,
  );
  await marks.save();
  expect([marks.size, [...rows.marked()]]).toEqual([0, ['0 * 0']]);
  marks.wakeSettled(minuteUs + minutes.task.settledAfterUs - 1);
  expect(marks.size).toBe(0);
  marks.wakeSettled(minuteUs + minutes.task.settledAfterUs);
  expect(marks.size).toBe(1);
  marks.settle(
    marks.take(minutes, () => true)!,
    true,
    () => false,
  );
  await marks.save();
  expect(rows.marked().size).toBe(0);
});

test('whatever happens, every bucket not yet computed for good is marked durably after a save', async () => {
  const change = fc.record({
    kind: fc.constantFrom('add', 'add', 'take', 'succeed', 'fail', 'again', 'save', 'refuse', 'restart'),
    tier: fc.integer({ min: 0, max: 2 }),
    who: fc.integer({ min: 0, max: 2 }),
    bucket: fc.integer({ min: -3, max: 90 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 60 }), async (changes) => {
      const rows = new FlakyRows();
      let marks = new DirtyMarks(rows);
      let round: Round | undefined;
      let [owed, saved] = [new Set<string>(), new Set<string>()];
      const keys = ({ tier, buckets }: Round) =>
        [...buckets].flatMap(([marked, starts]) =>
          starts.map((bucketUs) => `${tier.index} ${marked === everySeries ? '*' : marked.sensor} ${bucketUs}`),
        );
      const addedMeanwhile = new Set<string>();
      for (const { kind, tier, who, bucket } of changes) {
        const spec = rollupTiers[tier]!;
        if (kind === 'add') {
          const marked = series[who] ?? everySeries;
          marks.add(spec, marked, bucket * spec.widthUs);
          const key = `${tier} ${series[who]?.sensor ?? '*'} ${bucket * spec.widthUs}`;
          owed.add(key);
          addedMeanwhile.add(key);
        } else if (kind === 'take') {
          if (round) continue;
          round = marks.take(spec, () => true);
          addedMeanwhile.clear();
        } else if (kind === 'succeed' || kind === 'fail' || kind === 'again') {
          if (!round) continue;
          marks.settle(round, kind !== 'fail', () => kind === 'again');
          if (kind === 'succeed') for (const key of keys(round)) if (!addedMeanwhile.has(key)) owed.delete(key);
          round = undefined;
        } else if (kind === 'restart') {
          // What was not saved is the batch's that was not acknowledged either.
          owed = new Set([...saved, ...[...owed].filter((key) => rows.marked().has(key))]);
          round = undefined;
          marks = new DirtyMarks(rows);
          await marks.load(find);
        } else {
          rows.failing = kind === 'refuse';
          await marks.save().catch(() => undefined);
          if (kind === 'refuse') continue;
          saved = new Set(owed);
          for (const key of owed) expect(rows.marked()).toContain(key);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('days are kept in blocks of thirty', () => {
  const marks = new DirtyMarks(new FlakyRows());
  const days = rollupTiers[2];
  for (const day of [0, 29, 30]) marks.add(days, series[0]!, day * dayUs);
  expect(marks.take(days, () => true)?.blockUs).toBe(30 * dayUs);
  expect(marks.take(days, () => true)?.buckets.get(series[0]!)).toEqual([0, 29 * dayUs]);
});
