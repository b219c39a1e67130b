import { readFileSync } from 'node:fs';
import { expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { sourcesDocs } from '../../cli/sources-docs.js';
import { gatewayConfigSchema } from '../../gateway/main.js';
import { NameMaker } from '../../gateway/intake/foreign/names.js';
import { foreignSources } from '../../gateway/intake/foreign/registry.js';

it('docs/gateway/sources.md is what the schemas say: npm run fieldline -- gateway docs > docs/gateway/sources.md', () => {
  const page = readFileSync(new URL('../../docs/gateway/sources.md', import.meta.url), 'utf8');
  expect(page).toBe(sourcesDocs());
});

it('every setting says what it means', () => {
  const rows = sourcesDocs().match(/^\| `.*$/gm)!;
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
});

test.each(Object.entries(foreignSources))('the example of %s may stand in a configuration', (type, { example }) => {
  expect(gatewayConfigSchema.parse({ sources: parse(example) as object[] }).sources).toMatchObject([{ type }]);
});

test('the examples at the top of the page are right', () => {
  const [, yaml] = /```yaml\n(gateway:[^]*?)```/.exec(sourcesDocs())!;
  const { gateway } = parse(yaml!) as { gateway: object };
  expect(gatewayConfigSchema.parse(gateway).sources).toHaveLength(2);
  expect(sourcesDocs()).toContain(`\`${new NameMaker().of('living room')}\``);
});

test('two sources have two names', () => {
  const sources = ['a', 'b'].map((topic) => ({ type: 'senml', topics: [topic] }));
  expect(gatewayConfigSchema.safeParse({ sources }).error?.issues).toMatchObject([
    { path: ['sources', 1], message: 'another source is senml' },
  ]);
  for (const topics of [['fieldline/#'], ['a#'], []]) {
    expect(gatewayConfigSchema.safeParse({ sources: [{ type: 'senml', topics }] }).success).toBe(false);
  }
});
