import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isName } from '../../../../../core/contract/names.js';
import { deviceName, fromName, quantityOf, toName } from '../../../../../gateway/intake/foreign/sparkplug/names.js';

describe('names of Sparkplug', () => {
  it.each([
    ['plant1', 'plant1'],
    ['Line 1/Motor Speed', 'Line:201.Motor:20Speed'],
    ['a.b:c', 'a:2Eb:3Ac'],
    ['Wärme', 'W:C3:A4rme'],
    ['_hidden', '0:__hidden'],
    ['/root', '0:_.root'],
    ['日', '0:_:E6:97:A5'],
    ['', '0:_'],
  ])('%s becomes %s, and back', (text, name) => {
    expect(toName(text)).toBe(name);
    expect(fromName(name)).toBe(text);
  });

  it('are names of ours, each its own, and come back unless they are cut', () => {
    // All that UTF-8 can say.
    const character = fc.integer({ min: 0, max: 0x10ffff }).filter((code) => code < 0xd800 || code > 0xdfff);
    const anyText = fc.array(character, { maxLength: 60 }).map((codes) => String.fromCodePoint(...codes));
    const wild = fc.oneof(anyText, fc.string({ unit: fc.constantFrom(...'aZ0_.:-/ é') }));
    fc.assert(
      fc.property(wild, wild, (a, b) => {
        const name = toName(a);
        const back = fromName(name);
        const isCut = name.includes(':-');
        return isName(name) && (name === toName(b)) === (a === b) && (isCut ? back === undefined : back === a);
      }),
      { numRuns: 200 },
    );
  });

  it('cut long ones, never within a character', () => {
    for (let length = 60; length < 90; length++) {
      const name = toName(`${'x'.repeat(length - 30)}${'ä'.repeat(30)}`);
      expect(name).toMatch(/^x+(:C3:A4)*(:C3)?:-[0-9a-f]{16}$/);
      expect(isName(name)).toBe(true);
      expect(fromName(name)).toBeUndefined();
    }
    expect(toName('y'.repeat(65))).not.toBe(toName('y'.repeat(66)));
  });

  it('of devices hold the edge node, so that two never meet', () => {
    expect(deviceName('press', undefined)).toBe('press');
    expect(deviceName('press', 'oven')).toBe('press.oven');
    expect(deviceName('press.oven', undefined)).toBe('press:2Eoven');
  });

  it.each([
    ['Line 1/Motor Speed', 'motor_speed'],
    ['supplyVoltage', 'supply_voltage'],
    ['Inputs/A', 'a'],
    ['1st', 'st'],
    ['Wärme', 'w_rme'],
    ['__', 'value'],
    ['x'.repeat(70), 'x'.repeat(64)],
  ])('%s measures %s', (metric, quantity) => expect(quantityOf(metric)).toBe(quantity));
});
