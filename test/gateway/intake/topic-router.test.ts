import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patternFault, TextPattern } from '../../../gateway/intake/foreign/text-pattern.js';
import { NameMaker } from '../../../gateway/intake/foreign/names.js';
import { isName } from '../../../core/contract/names.js';
import { TopicRouter } from '../../../gateway/intake/topic-router.js';
import { testSource } from './foreign/sources.js';

describe('the router', () => {
  it('gives each topic to the first source that takes it; ours are ours whatever is configured', () => {
    const [wide, narrow] = [
      testSource({ type: 'json', name: 'wide', topics: ['#'], device: 'd', others: 'all' }),
      testSource({ type: 'zigbee2mqtt' }),
    ];
    const router = new TopicRouter([narrow, wide]);
    expect(router.route('zigbee2mqtt/lamp')).toBe(narrow);
    expect(router.route('zigbee2mqtt/lamp')).toBe(narrow);
    expect(router.route('other')).toBe(wide);
    expect(router.route('fieldline/plant1/press-07/data')).toBe('ours');
    expect(router.route('fieldline/nonsense')).toBe('ours');
    expect(router.route('$SYS/x')).toBeUndefined();
    expect(new TopicRouter([]).route('other')).toBeUndefined();
  });

  it('remembers no more than it must', () => {
    const router = new TopicRouter([testSource({ type: 'zigbee2mqtt' })]);
    for (let i = 0; i < 30_000; i += 1) router.route(`zigbee2mqtt/${i}`);
    expect(router.route('zigbee2mqtt/1')).toBe(router.sources[0]);
  });
});

describe('patterns of names and topics', () => {
  it.each([
    ['{site}/{device}/{sensor}', 'a/b/c/d', { site: 'a', device: 'b', sensor: 'c/d' }],
    ['urn:dev:ow:{device}:{sensor}', 'urn:dev:ow:10e2:temp', { device: '10e2', sensor: 'temp' }],
    ['x/{device}/{_}/end', 'x/d/any/thing/end', { device: 'd', _: 'any/thing' }],
    ['{device}/tele/{_}', 'tele/tele/tele/x', { device: 'tele', _: 'tele/x' }],
    ['{a}x', 'xx', { a: 'x' }],
    ['{a}x', 'x', undefined],
    ['a/{b}', 'a/', undefined],
    ['a/{b}', 'b/c', undefined],
    ['{a}-{b}', 'a-', undefined],
    ['{a}-{b}-', 'a-b', undefined],
  ])('%s of %s', (pattern, text, expected) => {
    expect(new TextPattern(pattern).match(text)).toEqual(expected);
  });

  it.each(['no placeholder', '{device}{sensor}', '{what}', '{device}/{device}'])('%s cannot be used', (pattern) => {
    expect(patternFault(pattern, ['device', 'sensor'])).toBeTypeOf('string');
  });

  it('finds what was put in', () => {
    const part = fc.string({ minLength: 1, maxLength: 10 }).filter((text) => !text.includes('/'));
    fc.assert(
      fc.property(part, part, part, (site, device, sensor) => {
        const found = new TextPattern('{site}/{device}/{sensor}').match(`${site}/${device}/${sensor}`);
        expect(found).toEqual({ site, device, sensor });
      }),
    );
  });
});

describe('names made of what others call their things', () => {
  it('are names, and no two things share one', () => {
    const texts = fc.uniqueArray(fc.oneof(fc.string(), fc.string({ minLength: 60, maxLength: 90 })), { maxLength: 40 });
    fc.assert(
      fc.property(texts, (drawn) => {
        const names = new NameMaker();
        const made = drawn.map((text) => names.of(text));
        expect(made.every(isName)).toBe(true);
        expect(new Set(made).size).toBe(drawn.length);
        expect(drawn.map((text) => names.of(text))).toEqual(made);
      }),
    );
    expect(new NameMaker().of('temp-inlet.1')).toBe('temp-inlet.1');
  });
});
