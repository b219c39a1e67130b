import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { edgeDocs } from '../../cli/edge-docs.js';
import { edgeConfigSchema } from '../../edge/config.js';
import { filterKinds, filterSchema } from '../../edge/filters/registry.js';
import { sensorDrivers } from '../../edge/sensors/registry.js';

it('docs/edge.md is what the schemas say: npm run fieldline -- edge docs > docs/edge.md', () => {
  expect(readFileSync(new URL('../../docs/edge.md', import.meta.url), 'utf8')).toBe(edgeDocs());
});

it('every setting says what it means', () => {
  const rows = edgeDocs().match(/^\| `.*$/gm)!;
  expect(rows.length).toBeGreaterThan(60);
  expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
});

describe('every example may stand in a configuration', () => {
  test.each(Object.entries(sensorDrivers))('sensor %s', (name, { example }) => {
    const { sensors } = edgeConfigSchema.parse({ site: 's', device: 'd', sensors: [parse(example)] });
    expect(sensors[0]!.driver).toBe(name);
  });

  test.each(Object.entries(filterKinds))('filter %s', (name, { example }) => {
    expect(filterSchema.parse(parse(example)).filter).toBe(name);
  });

  test('the one at the top of the page', () => {
    const example = /```yaml\n(edge:[^]*?)```/.exec(edgeDocs())![1]!;
    expect(edgeConfigSchema.safeParse((parse(example) as { edge: unknown }).edge).error).toBeUndefined();
  });
});
