import { expect, it } from 'vitest';
import { NewestBirths } from '../../../gateway/intake/newest-births.js';

const device = 'plant1/press-07';

it('a birth that came here is newer than those that the log still tells, and older than those behind it', () => {
  const births = new NewestBirths();
  expect(births.learn(device, 'a', 3)).toBe(true);
  births.set(device, 'c');
  expect(births.learn(device, 'b', 5)).toBe(true);
  expect(births.get(device)).toBe('c');
  births.learn(device, 'c', 8);
  births.learn(device, 'd', 9);
  expect(births.get(device)).toBe('d');
});

it('what is read again from the beginning of the log says nothing', () => {
  const births = new NewestBirths();
  births.learn(device, 'a', 3);
  births.learn(device, 'b', 5);
  expect(births.learn(device, 'a', 3)).toBe(false);
  expect(births.learn(device, 'b', 5)).toBe(false);
  expect(births.get(device)).toBe('b');
});
