import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logSource, markOf, markRecord, parseLetterPosition } from '../../../core/contract/dead-letter.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { planReplay } from '../../../gateway/dead-letters/replay-plan.js';
import { packOf, press } from '../harness.js';
import { MemoryLog } from '../../support/memory-log.js';
import { ways } from './ways.js';

const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((text) => Buffer.from(text)),
  fc.integer({ min: 0, max: 200 }).map((end) => packOf(press, 1, 3, 'identity').subarray(0, end)),
  fc.constant(packOf(press, 1)),
);
const sources = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc
    .constantFrom('data', 'alert', 'state', 'result/x', 'config', 'command/x')
    .map((kind) => `fieldline/plant1/press-07/${kind}`),
  fc.constantFrom(
    'senml/a',
    'sensor-readings/0/1',
    'sensor-readings/spool/1',
    'alerts/x/1',
    'dead-letters/0/1',
    'nothing/0/1',
    '',
  ),
);
const headers = fc.record(
  {
    stage: fc.constantFrom('gateway', 'ingest', 'spool', ''),
    source: sources,
    reason: fc.constantFrom('schema', 'rejected', 'number-conflict', ''),
    receivedUs: fc.oneof(fc.string(), fc.constantFrom('1795251208750000', '1e300', '-1', 'NaN')),
    retained: fc.constantFrom('true', 'x'),
    part: fc.constant('part'),
    cut: fc.constant('cut'),
  },
  { requiredKeys: [] },
);

test('whatever a letter holds, its replay is planned or refused with a reason, and appends to no dead letters', () => {
  const { taking } = ways({ log: new MemoryLog() });
  const topics: readonly string[] = Object.values(logTopics).map(({ name }) => name);
  const property = fc.property(payloads, headers, fc.boolean(), fc.nat(), (value, head, dry, offset) => {
    const plan = planReplay(0, { key: 'plant1/press-07', value, headers: head, offset, appendedUs: 5 }, taking, dry);
    if ('reason' in plan) return void expect([typeof plan.reason, typeof plan.detail]).toEqual(['string', 'string']);
    expect(plan.readings).toBeGreaterThanOrEqual(0);
    for (const { topic } of plan.groups)
      expect(topic !== logTopics.deadLetters.name && topics.includes(topic)).toBe(true);
  });
  fc.assert(property, { numRuns: 1500 });
});

test('marks, positions and places are read as they are written, and nothing else is one', () => {
  const text = fc.string({ maxLength: 40 });
  const number = fc.nat(1e6);
  const property = fc.property(text, text, text, number, number, (detail, trial, other, partition, offset) => {
    const letter = `${partition % 1000}/${offset}`;
    const mark = { mark: 'failed' as const, letter, trial, reason: 'schema', detail };
    expect(markOf(markRecord('k', mark).headers)).toEqual(mark);
    expect(markOf({ reason: other, detail })).toBeUndefined();
    expect(parseLetterPosition(letter)).toEqual({ partition: partition % 1000, offset });
    expect(logSource(`alerts/${letter}`)).toEqual({ topic: 'alerts', partition: partition % 1000, offset });
    if (!/^\d+\/\d+$/.test(other)) expect(parseLetterPosition(other)).toBeUndefined();
    expect(logSource(`fieldline/${letter}`)).toBeUndefined();
  });
  fc.assert(property, { numRuns: 300 });
});
