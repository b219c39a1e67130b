import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalLog } from '../../../core/log/local-log.js';
import type { GroupOptions, StoredRecord, Subscription } from '../../../core/log/log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { contentOf, recordOf, textOf, topicOf } from '../../contracts/event-log/harness.js';
import { tempDir } from '../../support/temp-dir.js';

const kept = topicOf({ name: 'kept' });
const compacted = topicOf({ name: 'compacted', retentionHours: undefined });
const keys = ['a', 'b', 'c'];

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      calls: fc.array(fc.array(fc.constantFrom(...keys), { minLength: 1, maxLength: 6 }), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      group: fc.constantFrom('g1', 'g2'),
      batches: fc.integer({ min: 1, max: 6 }),
      rejections: fc.integer({ min: 0, max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'shed' as const }) },
);

const settings = fc.record({
  recentBytes: fc.constantFrom(0, 400, 1_000_000),
  maxSliceBytes: fc.constantFrom(150, 1000, 1_000_000),
  maxBatchRecords: fc.constantFrom(1, 3, 500),
});

/** What the log must hold, in memory. */
class Model {
  readonly texts: string[] = [];
  readonly newest = new Map<string, string>();
  readonly committed = new Map<string, number>();

  append(key: string): ReturnType<typeof recordOf> {
    const text = `${key}${this.texts.length}`;
    this.texts.push(text);
    this.newest.delete(key);
    this.newest.set(key, text);
    return recordOf(key, text);
  }
}

const textsOf = (records: readonly StoredRecord[]): string[] => records.map(({ value }) => textOf(value));

/** Reads batches with a group, rejecting the first some times; checks what comes. */
async function read(log: LocalLog, model: Model, group: string, batches: number, rejections: number): Promise<void> {
  // A group that is new begins with what is still there: it may come after others read, and the log shed.
  const from = model.committed.get(group) ?? (await contentOf(log, kept))[0]?.offset ?? model.texts.length;
  if (from === model.texts.length) return;
  // From here on the log knows the group, and keeps what it has not read.
  model.committed.set(group, from);
  const handed: StoredRecord[] = [];
  let calls = 0;
  let first: readonly StoredRecord[] = [];
  let subscription: Promise<Subscription> | undefined;
  await new Promise<void>((resolve, reject) => {
    const onBatch: GroupOptions['onBatch'] = async ({ records }) => {
      calls += 1;
      if (calls === 1) first = records;
      if (calls <= rejections) throw new Error('not yet');
      if (calls === rejections + 1) expect(records).toEqual(first);
      handed.push(...records);
      const isLast = calls === rejections + batches || from + handed.length === model.texts.length;
      if (isLast) void subscription?.then((s) => s.stop(5000)).then(resolve, reject);
    };
    subscription = log.subscribe({ group, topics: [kept.name], onBatch });
    subscription.catch(reject);
  });
  expect(handed.map(({ offset }) => offset)).toEqual(handed.map((_, i) => from + i));
  expect(textsOf(handed)).toEqual(model.texts.slice(from, from + handed.length));
  model.committed.set(group, from + handed.length);
}

async function check(log: LocalLog, model: Model): Promise<void> {
  const records = await contentOf(log, kept);
  const first = records[0]?.offset ?? model.texts.length;
  expect(textsOf(records)).toEqual(model.texts.slice(first));
  // Nothing that a group has not read is ever shed, and without groups nothing is.
  expect(first).toBeLessThanOrEqual(Math.min(...(model.committed.size > 0 ? model.committed.values() : [0])));
  // Records that newer ones replaced may still be seen in memory, but only before those.
  const newest = new Map<string, string>();
  for (const { key, value } of await contentOf(log, compacted)) {
    newest.delete(key);
    newest.set(key, textOf(value));
  }
  expect([...newest]).toEqual([...model.newest]);
}

test(
  'any order of appends, reads, rejections, restarts and shedding agrees with a model',
  { timeout: 240_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(action, { maxLength: 25 }), async (options, actions) => {
        const directory = await tempDir();
        const model = new Model();
        const open = async (): Promise<LocalLog> => {
          const log = new LocalLog({
            directory,
            clock: systemClock,
            logger: silentLogger,
            random: () => 1,
            ...options,
          });
          await log.start();
          await log.ensureTopics([kept, compacted]);
          return log;
        };
        let log = await open();
        try {
          for (const step of actions) {
            if (step.kind === 'append') {
              const calls = step.calls.map((call) => call.map((key) => model.append(key)));
              await Promise.all(
                calls.flatMap((call) => [log.append(kept.name, call), log.append(compacted.name, call)]),
              );
            } else if (step.kind === 'read') await read(log, model, step.group, step.batches, step.rejections);
            else if (step.kind === 'shed') await log.shed(1);
            else {
              await log.stop(1000);
              log = await open();
              const texts = textsOf(await contentOf(log, compacted));
              expect(texts).toEqual([...model.newest.values()]);
            }
          }
          await check(log, model);
        } finally {
          await log.stop(1000);
        }
      }),
      { numRuns: 30 },
    );
  },
);
