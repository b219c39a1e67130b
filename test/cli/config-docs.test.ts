import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fieldlineConfigSchema } from '../../cli/config.js';
import { configDocs } from '../../cli/config-docs.js';

it('docs/configuration.md is what the schema says: npm run fieldline -- config docs > docs/configuration.md', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  expect(page).toBe(configDocs(fieldlineConfigSchema));
});

it('every setting says what it means', () => {
  const rows = configDocs(fieldlineConfigSchema)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(60);
  expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
});
