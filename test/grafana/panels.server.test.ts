import { catalogueHash } from '#core/contract/catalogue.js';
import { bucketStart, hourUs, minuteUs } from '#core/contract/time.js';
import { systemClock } from '#core/runtime/clock.js';
import { linesToRowsIterable, stringToLines } from '@influxdata/influxdb-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InfluxStore } from '../../cloud/store/influx-store.js';
import { defaultRetention, type PackToStore } from '../../cloud/store/store.js';
import { silentLogger } from '#core/runtime/logger.js';
import { fleetDashboard } from '../../grafana/dashboards/fleet.js';
import { repairAll } from '../contracts/series-store/harness.js';
import { windowPoint } from '../contracts/series-store/expected.js';
import { haveServers } from '../servers/ensure.js';
import { startInfluxd, type Influxdb } from '../servers/influxdb.js';
import { describeSensor, rawPoint, testCatalogue } from '../support/packs.js';
import { asGrafanaSends, framesOf, type AnswerTable, type Choice, type FluxQuery, type Frame } from './as-grafana.js';

/** Two hours ago, on the hour. */
const hourBeganUs = bucketStart(systemClock.nowUs(), hourUs) - 2 * hourUs;
const secondUs = 1_000_000;
const epochs = ['0'.repeat(32), '1'.repeat(32)];

describe.skipIf(!(await haveServers('influxdb')))('the panels of the fleet dashboard, asked as Grafana asks', () => {
  let influxdb: Influxdb;
  let store: InfluxStore;
  beforeAll(async () => {
    influxdb = await startInfluxd();
    const { url, org, token } = influxdb;
    const clock = systemClock;
    store = new InfluxStore({
      url,
      org,
      token,
      retention: defaultRetention,
      clock,
      logger: silentLogger,
      tasks: false,
    });
    await store.start();
    await fill(store);
  });
  afterAll(async () => {
    await store?.stop(1000);
    await influxdb?.stop();
  });

  const choice: Choice = {
    fromMs: hourBeganUs / 1000,
    toMs: hourBeganUs / 1000 + 2 * 3_600_000,
    stepMs: 60_000,
    variables: { site: 'all', device: 'all', quantity: 'temperature' },
    defaultBucket: 'realtime',
  };

  async function ask(title: RegExp, over: Partial<Choice['variables']> = {}): Promise<Frame[]> {
    const panel = fleetDashboard().panels!.find((each) => title.test(each.title!))!;
    const targets = ('targets' in panel ? panel.targets : []) as FluxQuery[];
    const frames: Frame[] = [];
    for (const { query } of targets) {
      const variables = { ...choice.variables, ...over } as Choice['variables'];
      frames.push(...framesOf(await answer(asGrafanaSends(query, { ...choice, variables }))));
    }
    return frames;
  }

  async function answer(query: string): Promise<AnswerTable[]> {
    const response = await fetch(`${influxdb.url}/api/v2/query?org=${influxdb.org}`, {
      method: 'POST',
      headers: { authorization: `Token ${influxdb.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, dialect: { annotations: ['datatype', 'group', 'default'] } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${text}\n${query}`);
    const tables = new Map<string, AnswerTable & { rows: Record<string, string>[] }>();
    for await (const { values, tableMeta } of linesToRowsIterable(lines(text))) {
      const row = Object.fromEntries(tableMeta.columns.map(({ label }, i) => [label, values[i]!]));
      if (row.error) throw new Error(row.error);
      const types = new Map(tableMeta.columns.map(({ label, dataType }) => [label, dataType]));
      const key = `${row.result} ${row.table} ${[...types.keys()].join()}`;
      if (!tables.has(key)) tables.set(key, { types, rows: [] });
      tables.get(key)!.rows.push(row);
    }
    return [...tables.values()];
  }

  /** A line as label text and its points: minutes since the start of the hour, and value. */
  function lineOf({ labels, field, rows }: Frame): [string, ...[number, number][]] {
    const name = [labels.site, labels.device, labels.sensor, labels.form, field].filter(Boolean).join('/');
    return [name, ...rows.map((row) => [minutesOf(row._time!), Number(row._value)] as [number, number])];
  }
  const linesOf = (frames: readonly Frame[]) => frames.map(lineOf).sort(([a], [b]) => (a < b ? -1 : 1));
  const minutesOf = (time: string) => (Date.parse(time) - hourBeganUs / 1000) / 60_000;

  test('values: a line for each sensor of the quantity, averaged over the steps', async () => {
    expect(linesOf(await ask(/^\$\{quantity\}$/))).toEqual([
      ['north/press-1/temp/raw/value', [0, 21], [1, 30]],
      ['north/press-2/temp/raw/value', [10, 15]],
      ['north/press-2/temp/window/value', [0, 7], [30, 11]],
      ['south/oven.1/temp/raw/value', [0, 200]],
    ]);
    expect(linesOf(await ask(/^\$\{quantity\}$/, { quantity: 'pressure' }))).toEqual([
      ['north/press-1/p/raw/value', [0, 1]],
    ]);
  });

  test('values: only the chosen sites and devices, and a name is no pattern', async () => {
    const names = async (variables: Choice['variables']) =>
      linesOf(await ask(/^\$\{quantity\}$/, variables)).map(([name]) => name);
    expect(await names({ site: ['south'] })).toEqual(['south/oven.1/temp/raw/value']);
    expect(await names({ site: ['north', 'south'], device: ['press-1', 'oven.1'] })).toEqual([
      'north/press-1/temp/raw/value',
      'south/oven.1/temp/raw/value',
    ]);
    expect(await names({ device: ['oven/1'] })).toEqual([]);
    expect(await names({ device: ['ovenx1'] })).toEqual([]);
  });

  test('hourly: mean, minimum and maximum over readings and windows, which weigh what they counted', async () => {
    expect(linesOf(await ask(/hourly/))).toEqual([
      ['north/press-1/temp/max', [0, 30]],
      ['north/press-1/temp/mean', [0, 24]],
      ['north/press-1/temp/min', [0, 20]],
      ['north/press-2/temp/max', [0, 15]],
      ['north/press-2/temp/mean', [0, (6 + 7 + 8 + 11 + 15) / 5]],
      ['north/press-2/temp/min', [0, 6]],
      ['south/oven.1/temp/max', [0, 200]],
      ['south/oven.1/temp/mean', [0, 200]],
      ['south/oven.1/temp/min', [0, 200]],
    ]);
  });

  test('readings per second, by site, with what the windows counted', async () => {
    expect(linesOf(await ask(/per second/))).toEqual([
      ['north/per second', [0, 6 / 60], [1, 1 / 60], [10, 1 / 60], [30, 1 / 60]],
      ['south/per second', [0, 1 / 60]],
    ]);
  });

  test('devices, the longest silent first', async () => {
    const [table, ...others] = await ask(/silent/);
    expect(others).toEqual([]);
    expect(table?.kind).toBe('table');
    const seen = (minutes: number) => new Date(hourBeganUs / 1000 + minutes * 60_000).toISOString().replace('.000', '');
    expect(table?.rows).toMatchObject([
      { site: 'south', device: 'oven.1', 'last seen': seen(0) },
      { site: 'north', device: 'press-1', 'last seen': seen(1) },
      { site: 'north', device: 'press-2', 'last seen': seen(30) },
    ]);
  });

  test('alerts, the newest first', async () => {
    const [table, ...others] = await ask(/^Alerts/);
    expect(others).toEqual([]);
    expect(table?.rows).toMatchObject([
      {
        site: 'south',
        device: 'oven.1',
        sensor: 'temp',
        rule: 'hot',
        state: 'cleared',
        severity: 'critical',
        value: '180',
      },
      { site: 'south', device: 'oven.1', state: 'raised', threshold: '190', message: 'over "190"' },
    ]);
    expect(await ask(/^Alerts/, { site: ['north'] })).toEqual([]);
  });

  test('packs received, of the numbers up to the newest', async () => {
    const [table, ...others] = await ask(/Packs/);
    expect(others).toEqual([]);
    expect(table?.rows).toMatchObject([
      { site: 'north', device: 'press-1', epoch: epochs[0], received: '1', expected: '3', completeness: String(1 / 3) },
      { device: 'press-1', epoch: epochs[1], received: '1', expected: '1', completeness: '1' },
      { device: 'press-2', received: '1', expected: '1', completeness: '1' },
      { device: 'oven.1', received: '2', expected: '2', completeness: '1' },
    ]);
  });

  test('the variables offer what there is, one narrowing the next', async () => {
    const offers = async (name: string, over: Choice['variables'] = {}) => {
      const variable = fleetDashboard().templating.list!.find((each) => each.name === name)!;
      const query = (variable as { query: string }).query;
      const tables = await answer(asGrafanaSends(query, { ...choice, variables: { ...choice.variables, ...over } }));
      return tables.flatMap(({ rows }) => rows.map((row) => row._value)).sort();
    };
    expect(await offers('site')).toEqual(['north', 'south']);
    expect(await offers('device')).toEqual(['oven.1', 'press-1', 'press-2']);
    expect(await offers('device', { site: ['south'] })).toEqual(['oven.1']);
    expect(await offers('quantity')).toEqual(['pressure', 'temperature']);
    expect(await offers('quantity', { device: ['oven.1'] })).toEqual(['temperature']);
  });
});

/** Three devices of two sites with different labels; readings, windows, a gap in the packs, and two alerts. */
async function fill(store: InfluxStore): Promise<void> {
  const temperature = (labels: Record<string, string>) => describeSensor({ labels });
  const press1 = testCatalogue(
    { temp: temperature({ floor: '1' }), p: describeSensor({ quantity: 'pressure', unit: 'Pa' }) },
    'north',
    'press-1',
  );
  const press2 = testCatalogue({ temp: temperature({ city: 'Bern', room: 'a b' }) }, 'north', 'press-2');
  const oven = testCatalogue({ temp: temperature({}) }, 'south', 'oven.1');
  const pack = (catalogue: typeof press1, seq: number, points: PackToStore['pack']['points'], epoch = epochs[0]!) => {
    const { site, device } = catalogue;
    return { pack: { site, device, epoch, seq, catalogue: catalogueHash(catalogue), points }, catalogue };
  };
  const at = (seconds: number) => hourBeganUs + seconds * secondUs;
  const readings = [rawPoint('temp', at(0), 20), rawPoint('temp', at(30), 22), rawPoint('p', at(10), 1)];
  await store.write({
    packs: [
      pack(press1, 2, readings),
      pack(press1, 0, [rawPoint('temp', at(60), 30)], epochs[1]),
      pack(press2, 0, [
        windowPoint('temp', at(0), minuteUs, [6, 7, 8]),
        windowPoint('temp', at(1800), minuteUs, [11]),
        rawPoint('temp', at(600), 15),
      ]),
      pack(oven, 0, [rawPoint('temp', at(0), 200)]),
    ],
    alerts: [],
  });
  const alert = {
    site: 'south',
    device: 'oven.1',
    sensor: 'temp',
    rule: 'hot',
    severity: 'critical',
    threshold: 190,
  } as const;
  const alerts = [
    { ...alert, state: 'raised', timeUs: at(1), value: 200, message: 'over "190"' } as const,
    { ...alert, state: 'cleared', timeUs: at(90), value: 180, message: 'under' } as const,
  ];
  await store.write({ packs: [], alerts: [{ site: 'south', device: 'oven.1', epoch: epochs[0]!, seq: 1, alerts }] });
  await repairAll(store);
}

async function* lines(text: string): AsyncGenerator<string> {
  const all: string[] = [];
  stringToLines(text, { next: (line) => void all.push(line), error: () => undefined, complete: () => undefined });
  yield* all;
}
