import { expect, test } from 'vitest';
import { expiredCount } from '../../../core/log/local/expired-count.js';

test.each([
  ['nothing without slices', [], 100, 200, 0],
  ['a slice goes when the next began before the cutoff', [10, 20, 30, 40], 30, 200, 2],
  ['the newest slice stays', [10, 20, 30], 100, 200, 2],
  ['a stamp from the future says nothing', [10, 900, 30, 40], 35, 200, 2],
  ['neither does one before an earlier slice', [10, 20, 0, 1, 120], 100, 200, 1],
  ['until a later stamp covers it', [10, 20, 0, 1, 90, 120], 100, 200, 4],
  ['all stamps from the future keep everything', [900, 910, 920], 100, 200, 0],
])('%s', (_, createdUs, cutoffUs, nowUs, count) => {
  expect(expiredCount(createdUs, cutoffUs, nowUs)).toBe(count);
});
