import { InfluxDB, Point } from '@influxdata/influxdb-client';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { haveServers } from './ensure.js';
import { startInfluxd, type Influxdb } from './influxdb.js';

async function write(influxdb: Influxdb, seconds: number, value: number): Promise<void> {
  const client = new InfluxDB({ url: influxdb.url, token: influxdb.token });
  const api = client.getWriteApi(influxdb.org, influxdb.bucket, 's', { maxRetries: 0, flushInterval: 0 });
  api.writePoint(new Point('temperature').tag('sensor', 'a').floatField('value', value).timestamp(seconds));
  await api.close();
}

async function readValues(influxdb: Influxdb): Promise<number[]> {
  const client = new InfluxDB({ url: influxdb.url, token: influxdb.token });
  const flux = `from(bucket: "${influxdb.bucket}") |> range(start: 0) |> sort(columns: ["_time"])`;
  const rows = await client.getQueryApi(influxdb.org).collectRows<{ _value: number }>(flux);
  return rows.map((row) => row._value);
}

describe.skipIf(!(await haveServers('influxdb')))('influxdb', () => {
  let influxdb: Influxdb;
  beforeAll(async () => {
    influxdb = await startInfluxd();
  });
  afterAll(() => influxdb?.stop());

  test('an acknowledged point is there, also after kill -9 and a restart', async () => {
    await write(influxdb, 1_795_251_208, 71.3);
    expect(await readValues(influxdb)).toEqual([71.3]);
    await influxdb.kill9();
    await influxdb.restart();
    await write(influxdb, 1_795_251_209, 71.4);
    expect(await readValues(influxdb)).toEqual([71.3, 71.4]);
  });

  test('a data folder that was named keeps its points and its token', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'fieldline-influxdb-'));
    const first = await startInfluxd({ dataDir });
    await write(first, 1_795_251_208, 5);
    await first.stop();
    const second = await startInfluxd({ dataDir });
    const values = await readValues(second);
    await second.stop();
    await second.stop();
    rmSync(dataDir, { recursive: true });
    expect(values).toEqual([5]);
    expect(second.token).toBe(first.token);
  });
});
