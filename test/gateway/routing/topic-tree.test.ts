import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicTree } from '../../../gateway/routing/topic-tree.js';

/** The rules of MQTT 3.1.1, section 4.7, said once more in another way. */
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const escaped = filter.split('/').map((level) => (level === '+' ? '[^/]*' : level.replace(/[$]/g, '\\$&')));
  const isOpen = escaped.at(-1) === '#';
  const head = (isOpen ? escaped.slice(0, -1) : escaped).join('/');
  if (isOpen && head === '' && escaped.length === 1) return true;
  return new RegExp(`^${head}${isOpen ? '(/.*)?' : ''}$`).test(topic);
}

const topic = fc.array(fc.constantFrom('a', 'b', '', '$a'), { minLength: 1, maxLength: 4 }).map((all) => all.join('/'));
const filter = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', '', '+', '$a'), { maxLength: 4 }), fc.constantFrom('#', '+', 'a', ''))
  .map(([levels, last]) => [...levels, last].join('/'));

const treeOf = (paths: readonly string[]): TopicTree<string> => {
  const tree = new TopicTree<string>();
  for (const path of paths) tree.set(path, path);
  return tree;
};

describe('a tree of topics', () => {
  it.each([
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/#', 'a', true],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['+', '/a', false],
    ['/+', '/a', true],
    ['+/+', '/a', true],
    ['a/+/c', 'a/b/c', true],
    ['a/b', 'a/b/c', false],
  ])('%s and %s', (one, other, expected) => {
    expect(treeOf([one]).matching(other)).toEqual(expected ? [one] : []);
    expect(treeOf([other]).matchedBy(one)).toEqual(expected ? [other] : []);
  });

  it('finds the filters that match, and no others', () => {
    fc.assert(
      fc.property(fc.uniqueArray(filter, { maxLength: 12 }), topic, (filters, wanted) => {
        const expected = filters.filter((one) => matches(one, wanted)).sort();
        expect(treeOf(filters).matching(wanted).sort()).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('finds the topics that a filter matches, and no others', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topic, { maxLength: 12 }), filter, (topics, wanted) => {
        const expected = topics.filter((one) => matches(wanted, one)).sort();
        expect(treeOf(topics).matchedBy(wanted).sort()).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('keeps nothing of what was deleted', () => {
    fc.assert(
      fc.property(fc.uniqueArray(filter, { minLength: 1, maxLength: 12 }), fc.nat(), (paths, seed) => {
        const tree = treeOf(paths);
        const kept = paths.filter((_, i) => ((seed >> i) & 1) === 1);
        for (const path of paths) if (!kept.includes(path)) tree.delete(path);
        for (const path of paths) expect(tree.get(path)).toBe(kept.includes(path) ? path : undefined);
        expect(tree).toEqual(treeOf(kept));
        tree.delete('never/there');
      }),
      { numRuns: 200 },
    );
  });
});
