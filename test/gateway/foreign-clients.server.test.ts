import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cloudConfigSchema, createIngest } from '../../cloud/main.js';
import { ingestGroup, ingestTopics } from '../../cloud/ingest/ingest.js';
import { logTopics } from '../../core/contract/log-topics.js';
import { LocalLog } from '../../core/log/local-log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../gateway/main.js';
import { ensureServer, haveServers } from '../servers/ensure.js';
import { findProgram } from '../servers/run-command.js';
import { spawnServer } from '../servers/spawn-server.js';
import { waitFor } from '../servers/wait-for.js';
import { openStore } from '../support/open-store.js';
import { tempDir } from '../support/temp-dir.js';
import { secret } from './harness.js';

const run = promisify(execFile);
const base = { clock: systemClock, logger: silentLogger };
const waitMs = 60_000;
/** A quarter of an hour ago: what is older than some days goes to rollups only. */
const startS = Math.floor(systemClock.nowUs() / 1e6) - 900;
const atUs = startS * 1e6;
const iso = new Date(startS * 1000).toISOString();

/** The gateway over a log on disk, ingest and a DuckDB store behind it; all that is stored can be read back. */
async function startLine(sources: readonly object[]) {
  const log = new LocalLog({ directory: await tempDir(), ...base });
  await log.start();
  onTestFinished(() => log.stop(2000));
  await log.ensureTopics(Object.values(logTopics));
  const store = await openStore();
  const folder = await tempDir();
  const data = { file: (...names: string[]) => join(folder, ...names) };
  const cloud = cloudConfigSchema.parse({ rollups: { enabled: false } });
  const ingest = createIngest(cloud, { ...base, data, registry: new Registry(), log, store });
  await ingest.start();
  onTestFinished(() => ingest.stop(2000));
  const config = gatewayConfigSchema.parse({ mqtt: { port: 0, auth: 'none' }, sources });
  const gateway = createGateway(config, { ...base, log, registry: new Registry(), secret });
  await gateway.start();
  onTestFinished(() => gateway.stop(1000));

  /** `device sensor` to [microseconds, value], in the order of time. */
  const stored = async (): Promise<Map<string, (readonly [number, unknown])[]>> => {
    const found = new Map<string, (readonly [number, unknown])[]>();
    for await (const page of store.points({}, { fromUs: 0, toUs: 2 ** 52 }, 'repeats')) {
      for (const { site, device, sensor, timeUs, value, text } of page) {
        const key = `${site}/${device} ${sensor}`;
        found.set(
          key,
          [...(found.get(key) ?? []), [timeUs, text ?? value] as const].sort(([a], [b]) => a - b),
        );
      }
    }
    return found;
  };
  /** When all that the gateway took is stored. */
  const settled = async () => {
    await waitFor('all to be stored', waitMs, async () => (await log.lag(ingestGroup, ingestTopics)) === 0);
    expect(ingest.status().stage).toMatchObject({ dropped: 0, inFlight: 0 });
    // Of each device there is every pack that was made.
    for (const [source, numbers] of await store.ledger()) expect(numbers.size, source).toBe(numbers.highest + 1);
    return stored();
  };
  return { gateway, store, settled, port: gateway.address().port };
}

describe.skipIf(!(await haveServers('mosquitto')))('mosquitto_pub as a foreign sender', () => {
  async function publisher(port: number) {
    const { path, env } = await ensureServer('mosquitto');
    const program = findProgram('mosquitto_pub', [join(dirname(path), '..', 'bin')]);
    if (program === undefined) throw new Error(`mosquitto_pub is not beside ${path}`);
    const login = ['-h', '127.0.0.1', '-p', String(port), '-u', 'gauge-1', '-q', '1'];
    return (...args: string[]) =>
      run(program, [...login, ...args], { env: { ...process.env, ...env }, timeout: waitMs });
  }

  it('what it says in SenML, JSON and CBOR, in line protocol and as zigbee2mqtt and Tasmota is stored, once', async () => {
    const line = await startLine([
      { type: 'senml', topics: ['senml/#'] },
      { type: 'zigbee2mqtt', site: 'home' },
      { type: 'tasmota', site: 'home' },
      { type: 'line-protocol', topics: ['influx'], site: 'hall', precision: 's' },
    ]);
    const publish = await publisher(line.port);
    const pack = [
      { bn: 'hall/pump/', bt: startS, n: 'temp', u: 'Cel', v: 21.5 },
      { n: 'temp', t: 1, v: 22 },
      { n: 'state', vs: 'on' },
    ];
    await publish('-t', 'senml/a', '-m', JSON.stringify(pack));
    const cbor = join(await tempDir(), 'cbor');
    // [{0: "hall/pump/rpm", 6: <time>, 2: 1500.5}]
    const name = Buffer.from('hall/pump/rpm').toString('hex');
    await writeFile(cbor, Buffer.from(`81a3006d${name}061a${startS.toString(16)}02fb4097720000000000`, 'hex'));
    await publish('-t', 'senml/b', '-f', cbor);
    await publish('-t', 'zigbee2mqtt/lamp', '-m', `{"temperature":20.5,"state":"ON","last_seen":"${iso}"}`, '-r');
    await publish('-t', 'tele/plug/SENSOR', '-m', '{"Time":"2026-09-21T14:13:20","ENERGY":{"Power":12}}');
    await publish(
      '-t',
      'influx',
      '-m',
      `room,host=h1 co2=412i,ok=t,note="a\\"b" ${startS}\nroom,host=h1 co2=413i ${startS + 1}`,
    );

    const stored = await line.settled();
    const [[powerUs, power] = []] = stored.get('home/plug ENERGY.Power') ?? [];
    expect(Math.abs(powerUs! - systemClock.nowUs())).toBeLessThan(3600e6);
    expect(power).toBe(12);
    stored.delete('home/plug ENERGY.Power');
    expect(Object.fromEntries(stored)).toEqual({
      'hall/pump temp': [
        [atUs, 21.5],
        [atUs + 1e6, 22],
      ],
      'hall/pump state': [[atUs, 'on']],
      'hall/pump rpm': [[atUs, 1500.5]],
      'home/lamp temperature': [[atUs, 20.5]],
      'home/lamp state': [[atUs, 1]],
      'hall/h1 room.co2': [
        [atUs, 412],
        [atUs + 1e6, 413],
      ],
      'hall/h1 room.ok': [[atUs, 1]],
      'hall/h1 room.note': [[atUs, 'a"b']],
    });
    expect(line.gateway.status().refused).toEqual({});
  });
});

describe.skipIf(!(await haveServers('telegraf')))('a Telegraf agent as a foreign edge', () => {
  const count = 500;
  const startNs = BigInt(startS) * 1_000_000_000n;

  it('what it reads from a file is stored, once, with its stamps, values, text and tags', async () => {
    const line = await startLine([
      { type: 'line-protocol', topics: ['telegraf/#'], site: 'hall', labels: ['floor'], units: { 'room.temp': 'Cel' } },
    ]);
    const folder = await tempDir();
    const input = join(folder, 'input.influx');
    const lines = Array.from({ length: count }, (_, i) => {
      const stamp = startNs + BigInt(i) * 1_000_000n;
      return String.raw`room,host=pi\ 4,floor=2,zone=n${i % 2} temp=${i / 8},n=${i}i,ok=${i % 2 === 0},note="say \"${i}\", \\ ok" ${stamp}`;
    });
    await writeFile(input, lines.join('\n'));
    await writeFile(join(folder, 'telegraf.conf'), configuration(line.port, input));
    const { path } = await ensureServer('telegraf');
    // Reads its inputs once, sends what they gave, and ends.
    await run(path, ['--config', join(folder, 'telegraf.conf'), '--once'], { timeout: waitMs });

    const stored = await line.settled();
    const [device] = [...new Set([...stored.keys()].map((key) => key.split(' ')[0]))];
    expect([...stored.keys()].sort()).toEqual(
      ['n', 'note', 'ok', 'temp']
        .flatMap((field) => [0, 1].map((zone) => `${device} room.${field}.zone:n${zone}`))
        .sort(),
    );
    expect(device).toMatch(/^hall\/pi-4-\w{6}$/);
    for (const zone of [0, 1]) {
      const expected = (value: (i: number) => unknown) =>
        Array.from({ length: count / 2 }, (_, half) => 2 * half + zone).map((i) => [
          Number(startNs / 1000n) + i * 1000,
          value(i),
        ]);
      const of = (field: string) => stored.get(`${device} room.${field}.zone:n${zone}`);
      expect(of('temp')).toEqual(expected((i) => i / 8));
      expect(of('n')).toEqual(expected((i) => i));
      expect(of('ok')).toEqual(expected((i) => Number(i % 2 === 0)));
      expect(of('note')).toEqual(expected((i) => String.raw`say "${i}", \ ok`));
    }
  });

  it('left running, it is heard for as long as it speaks; killed, nothing that was acknowledged is missing', async () => {
    const line = await startLine([{ type: 'line-protocol', topics: ['telegraf/#'], site: 'hall' }]);
    const folder = await tempDir();
    await writeFile(join(folder, 'telegraf.conf'), configuration(line.port));
    const { path } = await ensureServer('telegraf');
    const agent = await spawnServer({
      name: 'telegraf',
      command: path,
      args: ['--config', join(folder, 'telegraf.conf')],
      folder,
      ready: () => true,
      readyWithinMs: 10_000,
    });
    onTestFinished(() => agent.kill9());
    const readings = () => line.gateway.status().readings;
    await waitFor('its readings', waitMs, () => readings().out >= 50);
    await agent.kill9();
    await waitFor(
      'the last of them',
      waitMs,
      () => readings().inFlight === 0 && line.gateway.status().connections === 0,
    );
    const stored = await line.settled();
    expect([...stored.keys()]).toEqual(['hall/mock-host signal.wave']);
    const [series] = stored.values();
    expect(series).toHaveLength(readings().out);
    expect(new Set(series!.map(([timeUs]) => timeUs)).size).toBe(series!.length);
  });

  function configuration(port: number, file?: string): string {
    const input =
      file === undefined
        ? [
            '[[inputs.mock]]',
            '  metric_name = "signal"',
            '  [[inputs.mock.sine_wave]]',
            '    name = "wave"',
            '    amplitude = 10.0',
          ]
        : ['[[inputs.file]]', `  files = ["${file}"]`, '  data_format = "influx"'];
    return [
      '[agent]',
      '  interval = "50ms"',
      '  flush_interval = "100ms"',
      '  precision = "1us"',
      '  metric_batch_size = 100',
      '  hostname = "mock-host"',
      '[[outputs.mqtt]]',
      `  servers = ["tcp://127.0.0.1:${port}"]`,
      '  protocol = "3.1.1"',
      '  client_id = "telegraf-1"',
      '  username = "telegraf-1"',
      '  password = "believed"',
      '  topic = "telegraf/agent"',
      '  layout = "batch"',
      '  qos = 1',
      '  timeout = "60s"',
      '  data_format = "influx"',
      ...input,
    ].join('\n');
  }
});
