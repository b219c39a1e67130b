import { expect, it } from 'vitest';
import { arrivedInWords } from '../../cli/arrived-in-words.js';

it.each([
  [1, 0, '100 %'],
  [1, 2, '100 %, 2 on the way'],
  [0.992, 3, '99.20 %, 3 on the way'],
  [0.999_999, 0, '99.99 %'],
  [null, null, ''],
])('%s of what is due, and %s on the way: %s', (share, onTheWay, words) => {
  expect(arrivedInWords(share, onTheWay)).toBe(words);
});
