// Also a program: `node dist/grafana/build.js` writes grafana/provisioning/, which is committed.
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { buckets, datasource } from './buckets.js';
import { fleetDashboard } from './dashboards/fleet.js';

const heading = '# Made by grafana/build.ts; change it there.\n';

/** Grafana fills in its own environment, so no secret stands in a file. */
const datasources = {
  apiVersion: 1,
  datasources: [
    {
      name: 'Fieldline',
      uid: datasource.uid,
      type: datasource.type,
      access: 'proxy',
      url: '${INFLUX_URL}',
      isDefault: true,
      editable: false,
      jsonData: { version: 'Flux', organization: '${INFLUX_ORG}', defaultBucket: buckets.realtime },
      secureJsonData: { token: '${INFLUX_TOKEN}' },
    },
  ],
};

const dashboards = {
  apiVersion: 1,
  providers: [
    {
      name: 'Fieldline',
      type: 'file',
      allowUiUpdates: false,
      updateIntervalSeconds: 60,
      options: { path: '/etc/grafana/provisioning/dashboards' },
    },
  ],
};

/** The files of `grafana/provisioning/` by their path within it. */
export function provisioningFiles(): Map<string, string> {
  return new Map([
    ['datasources/fieldline.yaml', heading + stringify(datasources)],
    ['dashboards/fieldline.yaml', heading + stringify(dashboards)],
    ['dashboards/fleet.json', `${JSON.stringify(fleetDashboard(), null, 2)}\n`],
  ]);
}

function write(folder: string): void {
  for (const [name, text] of provisioningFiles()) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  write(join(process.cwd(), 'grafana', 'provisioning'));
}
