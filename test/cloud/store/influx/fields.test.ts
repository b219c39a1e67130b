import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeText, floatText, stringText, unescapeText } from '../../../../cloud/store/influx/fields.js';

test('a float is the shortest text that reads back as the same double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(Object.is(Number(floatText(value)), value)).toBe(true);
    }),
  );
  expect([-0, 0, 71.3, 1e21].map(floatText)).toEqual(['-0', '0', '71.3', '1e+21']);
});

test('escaped text has no line end, and comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\\', 'n', 'r', '\n', '\r', '"', 'ä', ' ') }), (text) => {
      expect(escapeText(text)).not.toMatch(/[\r\n]/);
      expect(unescapeText(escapeText(text))).toBe(text);
    }),
  );
});

test('ordinary text is stored as it is', () => {
  expect(escapeText('open, "25 ℃"')).toBe('open, "25 ℃"');
  expect(stringText('say "a\\b"')).toBe('"say \\"a\\\\b\\""');
});
