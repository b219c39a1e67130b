import { expect, it } from 'vitest';
import { z } from 'zod';
import type { ConfigError } from '../../../core/runtime/config.js';
import { parseConfig } from '../../../core/runtime/config.js';

const schema = z.strictObject({
  gateway: z
    .strictObject({ port: z.int().min(1).max(65535).default(1883), host: z.string().default('127.0.0.1') })
    .prefault({}),
  sensors: z.array(z.strictObject({ name: z.string() })).default([]),
});

function faults(text: string): string[] {
  try {
    parseConfig(schema, text, 'fieldline.yaml');
    return [];
  } catch (error) {
    return (error as ConfigError).message.split('\n');
  }
}

it('gives the defaults for an empty file', () => {
  expect(parseConfig(schema, '', 'f')).toEqual({ gateway: { port: 1883, host: '127.0.0.1' }, sensors: [] });
});

it('names every fault at once with file, line, path and what was expected', () => {
  const text = ['gateway:', '  port: 99999', '  hots: x', 'sensors:', '  - name: a', '  - name: 7', 'extra: 1'].join(
    '\n',
  );
  expect(faults(text)).toEqual([
    'fieldline.yaml:2: gateway.port: Too big: expected number to be <=65535, got 99999',
    'fieldline.yaml:3: gateway.hots: unknown key',
    'fieldline.yaml:6: sensors.1.name: Invalid input: expected string, received number, got 7',
    'fieldline.yaml:7: extra: unknown key',
  ]);
});

it('points a missing key at its parent', () => {
  expect(faults('sensors:\n  - {}')).toEqual([
    'fieldline.yaml:2: sensors.0.name: Invalid input: expected string, received undefined',
  ]);
});

it('names the line of a YAML fault', () => {
  expect(faults('gateway:\n  port: [1')[0]).toMatch(/^fieldline.yaml:\d+: /);
});
