import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { defaultBuckets } from '../../cloud/store/influx/buckets.js';
import { buckets, datasource } from '../../grafana/buckets.js';
import { provisioningFiles } from '../../grafana/build.js';
import { fleetDashboard } from '../../grafana/dashboards/fleet.js';
import type { FluxQuery } from '../../grafana/dashboards/flux-query.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const committed = (name: string) => join(root, 'grafana/provisioning', name);

describe('grafana/provisioning', () => {
  test.each([...provisioningFiles()])('%s is what grafana/build.ts makes', (name, text) => {
    expect(existsSync(committed(name))).toBe(true);
    expect(readFileSync(committed(name), 'utf8')).toBe(text);
  });

  test('the datasource takes its address, organisation and token from the environment', () => {
    const { datasources } = parse(readFileSync(committed('datasources/fieldline.yaml'), 'utf8')) as {
      datasources: Record<string, unknown>[];
    };
    expect(datasources).toMatchObject([
      {
        ...datasource,
        url: '${INFLUX_URL}',
        jsonData: { version: 'Flux', organization: '${INFLUX_ORG}', defaultBucket: 'realtime' },
        secureJsonData: { token: '${INFLUX_TOKEN}' },
      },
    ]);
  });

  test('the buckets are those of the store', () => {
    expect(buckets).toEqual({
      realtime: defaultBuckets.realtime,
      '1h': defaultBuckets['1h'],
      alerts: defaultBuckets.alerts,
      state: defaultBuckets.state,
    });
  });
});

describe('the fleet dashboard', () => {
  const dashboard = fleetDashboard();
  const panels = dashboard.panels ?? [];

  test('every panel has a title, a description, the datasource, and queries of different letters', () => {
    expect(panels).toHaveLength(6);
    for (const panel of panels) {
      expect(panel).toMatchObject({ title: expect.stringMatching(/./) as string, datasource });
      expect(panel).toHaveProperty('description', expect.stringMatching(/./));
      const targets = ('targets' in panel ? panel.targets : []) as FluxQuery[];
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const target of targets)
        expect(target).toMatchObject({ datasource, query: expect.stringMatching(/from\(/) as string });
    }
  });

  test('every variable in a query is one of the dashboard', () => {
    const names = dashboard.templating?.list?.map(({ name }) => name);
    expect(names).toEqual(['site', 'device', 'quantity']);
    const used = [...JSON.stringify(dashboard).matchAll(/\$\{(\w+)[:}]/g)].map(([, name]) => name);
    expect(new Set(used.filter((name) => name !== '__field'))).toEqual(new Set(names));
  });

  test('no panel overlaps another', () => {
    const taken = new Set<string>();
    for (const panel of panels) {
      const { x, y, w, h } = panel.gridPos!;
      for (let column = x; column < x + w; column += 1) {
        for (let row = y; row < y + h; row += 1) {
          expect(taken.has(`${column} ${row}`)).toBe(false);
          taken.add(`${column} ${row}`);
        }
      }
    }
  });
});
