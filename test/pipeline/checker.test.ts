import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../servers/free-port.js';
import {
  faultless,
  lastJson,
  runFieldline,
  startFieldline,
  startSimulation,
  verifyJournal,
  writeConfig,
} from '../support/fieldline.js';
import { tempDir } from '../support/temp-dir.js';
import type { Verdict } from '../../simulators/verify.js';

/** One change to the database behind the server's back, and what the checker must say of it. */
const tampering: Record<string, { sql: string; verdict: object }> = {
  'a deleted row': {
    sql: 'DELETE FROM points WHERE rowid = (SELECT min(rowid) FROM points)',
    verdict: { ok: false, readings: { lost: 1, duplicated: 0, changed: 0 } },
  },
  'a doubled row': {
    sql: 'INSERT INTO points SELECT * FROM points WHERE rowid = (SELECT min(rowid) FROM points)',
    verdict: { ok: false, readings: { lost: 0, duplicated: 1, changed: 0 } },
  },
  'a changed row': {
    sql: 'UPDATE points SET value = value + 0.001 WHERE rowid = (SELECT min(rowid) FROM points)',
    verdict: { ok: false, readings: { lost: 0, duplicated: 0, changed: 1 } },
  },
  'a row that nobody sent': {
    sql: 'INSERT INTO points SELECT * REPLACE (time_us + 1 AS time_us) FROM points WHERE rowid = (SELECT min(rowid) FROM points)',
    verdict: { ok: false, readings: { unexpected: 1 } },
  },
  'a reading counted twice in a rollup': {
    sql: 'UPDATE rollup_1m SET count = count + 1 WHERE rowid = (SELECT min(rowid) FROM rollup_1m)',
    verdict: { ok: false, readings: { lost: 0, duplicated: 0, changed: 0 }, rollups: { wrong: 1 } },
  },
  'a deleted alert': {
    sql: 'DELETE FROM alerts WHERE rowid = (SELECT min(rowid) FROM alerts)',
    verdict: { ok: false, alerts: { lost: 1 } },
  },
};

describe('the checker is checked', () => {
  it('it finds every kind of damage, and none where there is none', async () => {
    const folder = await tempDir();
    const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
    const data = `${folder}/data`;
    const config = writeConfig(folder, { data, edge: { enabled: false }, simulator: { enabled: false } });
    const args = [
      'up',
      '--config',
      config,
      '--http-port',
      `${httpPort}`,
      '--mqtt-port',
      `${mqttPort}`,
      '--log-format',
      'json',
    ];
    const start = () => startFieldline({ name: 'up', args, folder, httpPort });
    let line = await start();
    onTestFinished(() => line.kill9());
    const load = [
      '--sensors',
      '100',
      '--per-device',
      '10',
      '--every',
      '200ms',
      '--for',
      '4s',
      '--ago',
      '10m',
      '--spikes',
      '0.05',
    ];
    const simulation = startSimulation('smart-factory', folder, [
      ...load,
      '--data',
      data,
      '--mqtt',
      `mqtt://127.0.0.1:${mqttPort}`,
    ]);
    await simulation.done;
    expect(await verifyJournal(simulation.journal, line.http, folder)).toMatchObject(faultless);
    await line.terminate();

    for (const [damage, { sql, verdict }] of Object.entries(tampering)) {
      const mend = await tamper(`${data}/series.duckdb`, sql);
      line = await start();
      const result = await runFieldline(
        ['simulate', 'verify', simulation.journal, '--http', line.http, '--wait', '1ms', '--json'],
        folder,
        60_000,
      );
      await line.terminate();
      expect(lastJson<Verdict>(result), damage).toMatchObject(verdict);
      expect(result.code, damage).toBe(1);
      await mend();
    }
  });
});

/** Changes the stored rows of a stopped line; resolves with what puts them back. */
async function tamper(file: string, sql: string): Promise<() => Promise<void>> {
  const tables = ['points', 'rollup_1m', 'alerts'];
  await execute(file, [...tables.map((table) => `CREATE TABLE kept_${table} AS FROM ${table}`), sql]);
  return () =>
    execute(
      file,
      tables.flatMap((table) => [
        `DELETE FROM ${table}`,
        `INSERT INTO ${table} FROM kept_${table}`,
        `DROP TABLE kept_${table}`,
      ]),
    );
}

async function execute(file: string, statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}
