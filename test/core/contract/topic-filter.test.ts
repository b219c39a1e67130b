import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coversFilter, isTopicFilter, overlaps, topicMatcher } from '../../../core/contract/topic-filter.js';
import { crossing, widest } from '../../../edge/sensors/mqtt-in/topics.js';

it.each([
  ['zigbee2mqtt/kitchen', true],
  ['+/+/SENSOR', true],
  ['#', true],
  ['a/#', true],
  ['a//b', true],
  ['', false],
  ['a/#/b', false],
  ['a#', false],
  ['a/b+', false],
  ['a/\0', false],
])('%j is a topic filter: %s', (text, is) => expect(isTopicFilter(text)).toBe(is));

// Section 4.7 of MQTT 3.1.1.
it.each([
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', '$SYS/broker', false],
  ['+/broker', '$SYS/broker', false],
  ['$SYS/#', '$SYS/broker', true],
  ['a', 'A', false],
])('%s matches %s: %s', (filter, topic, does) => expect(topicMatcher(filter)(topic)).toBe(does));

describe('filters against each other', () => {
  const level = fc.constantFrom('a', '$b', '+');
  const filter = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([levels, open]) => (open ? [...levels, '#'] : levels).join('/'));
  /** Every topic of up to four levels, with a level that no filter names. */
  const topics = ['a', '$b', 'c', '$c'].flatMap((one) => [
    one,
    ...['a', '$b', 'c'].flatMap((two) => [
      `${one}/${two}`,
      ...['a', '$b', 'c'].flatMap((three) => [`${one}/${two}/${three}`, `${one}/${two}/${three}/c`]),
    ]),
  ]);
  const taken = (each: string) => topics.filter((topic) => topicMatcher(each)(topic));

  it('agree with the topics they match', () => {
    const property = fc.property(filter, filter, (one, other) => {
      const [mine, theirs] = [taken(one), new Set(taken(other))];
      expect(overlaps(one, other)).toBe(mine.some((topic) => theirs.has(topic)));
      expect(coversFilter(other, one)).toBe(mine.every((topic) => theirs.has(topic)));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('without crossing ones, each topic is subscribed to once', () => {
    const property = fc.property(fc.array(filter, { minLength: 1, maxLength: 5 }), (filters) => {
      const wide = widest(filters);
      for (const topic of topics) {
        const hits = wide.filter((each) => topicMatcher(each)(topic)).length;
        expect(hits > 0).toBe(filters.some((each) => topicMatcher(each)(topic)));
        if (!crossing(filters)) expect(hits).toBeLessThanOrEqual(1);
      }
    });
    fc.assert(property, { numRuns: 200 });
  });
});

it.each([
  ['#', 'a/b', true],
  ['#', '#', true],
  ['#', '$SYS/#', false],
  ['+/b', '$SYS/b', false],
  ['$SYS/#', '$SYS/a', true],
  ['a/#', 'a', true],
  ['a/#', 'a/+/#', true],
  ['a/+', 'a/+', true],
  ['a/+', 'a/#', false],
  ['a/+', 'a', false],
  ['a/+', 'a/b/c', false],
  ['a/b', 'a/+', false],
  ['a/b/c', 'a/b', false],
  ['+/+', '+/b', true],
  ['+', '#', false],
  ['a//+', 'a//', true],
])('%s covers %s: %s', (granted, asked, expected) => {
  expect(coversFilter(granted, asked)).toBe(expected);
});
