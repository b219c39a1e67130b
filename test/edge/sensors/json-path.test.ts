import { describe, expect, it } from 'vitest';
import { FatalError } from '../../../core/runtime/errors.js';
import { isJsonPath, jsonPath } from '../../../edge/sensors/json-path.js';

const tasmota = {
  Time: '2026-11-21T14:00:00',
  'DS18B20-1': { Id: '01131E2E4A5B', Temperature: 21.4 },
  ENERGY: { Power: 61, Factor: 0.94, Today: [0.1, 0.2, { sum: 3 }] },
  'a.b c': { '[x]': 1, "it's": 2 },
};

describe('jsonPath', () => {
  it.each([
    ['ENERGY.Power', 61],
    ['$.ENERGY.Power', 61],
    ['ENERGY.Today[1]', 0.2],
    ['ENERGY.Today[2].sum', 3],
    ['$["ENERGY"].Today[0]', 0.1],
    ['DS18B20-1.Temperature', 21.4],
    ['["DS18B20-1"].Temperature', 21.4],
    ['["a.b c"]["[x]"]', 1],
    [`['a.b c']["it's"]`, 2],
    ['$', tasmota],
  ])('%s', (path, value) => {
    expect(jsonPath(path)(tasmota)).toBe(value);
    expect(isJsonPath(path)).toBe(true);
  });

  it.each([
    'nothing',
    'ENERGY.Power.more',
    'ENERGY.Today[9]',
    'ENERGY[0]',
    'ENERGY.Today.length',
    'constructor',
    '[0]',
  ])('%s is not there', (path) => expect(jsonPath(path)(tasmota)).toBeUndefined());

  it.each([undefined, null, 5, 'text', true])('has nothing below %s', (value) => {
    expect(jsonPath('a.b')(value)).toBeUndefined();
    expect(jsonPath('$')(value)).toBe(value);
  });

  it('begins at an array', () => expect(jsonPath('[1].t')([{}, { t: 7 }])).toBe(7));

  it.each(['', '.', 'a.', '.a', 'a..b', 'a[', 'a[-1]', 'a[1', 'a[x]', '$a..', 'a b', '["x"]y', 'a]', '$.'])(
    'refuses %j',
    (path) => {
      expect(() => jsonPath(path)).toThrow(FatalError);
      expect(isJsonPath(path)).toBe(false);
    },
  );
});
