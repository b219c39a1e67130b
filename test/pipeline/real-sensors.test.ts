import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { expect, it, onTestFinished } from 'vitest';
import { DeviceTables, startModbusServer } from '../edge/sensors/modbus/device.js';
import { linuxTree, scratchpad, w1 } from '../edge/sensors/linux/linux-tree.js';
import { haveServers } from '../servers/ensure.js';
import { freePorts } from '../servers/free-port.js';
import { startMosquitto } from '../servers/mosquitto.js';
import { startSerialLine } from '../servers/socat.js';
import { waitFor } from '../servers/wait-for.js';
import { metric, startFieldline, writeConfig } from '../support/fieldline.js';
import { tempDir } from '../support/temp-dir.js';

interface Series {
  readonly series: string;
  readonly unit: string;
  readonly last: { readonly value: number | string; readonly quality: string } | null;
}

/** A thing at each kind of wire that a board has, speaking for as long as the test runs. */
async function plant(folder: string) {
  const [host, serial, broker] = await Promise.all([linuxTree(), startSerialLine(), startMosquitto()]);
  await host.write(`${w1}/28-0316a2796c1f/w1_slave`, scratchpad(23_125, false));
  onTestFinished(async () => {
    await Promise.all([serial.stop(), broker.stop()]);
  });
  const tables = new DeviceTables();
  tables.write('input', 0, Buffer.from([0x00, 0xd7]));
  tables.write('input', 1, Buffer.from([0x00, 0x64]));
  const modbus = await startModbusServer(tables);
  onTestFinished(() => modbus.stop());
  const web = createServer((_request, response) => response.end('{"meters":[{"power":412.5}]}')).listen(0, '127.0.0.1');
  await once(web, 'listening');
  onTestFinished(() => void web.close());
  await writeFile(join(folder, 'day.csv'), 'timestamp,value\n2026-11-01 00:00:00,3.5\n2026-11-01 00:00:00.1,3.5\n');
  const zigbee = await mqtt.connectAsync(broker.url);
  onTestFinished(() => zigbee.endAsync(true));
  const speaking = setInterval(() => {
    void serial.send('21.5;44\n').catch(() => undefined);
    zigbee.publish('zigbee2mqtt/kitchen', JSON.stringify({ temperature: 19.25, linkquality: 84 }));
  }, 100);
  onTestFinished(() => clearInterval(speaking));
  const wires = { intervalMs: '200ms', timeoutMs: '5s' };
  const temperature = { quantity: 'temperature', unit: 'Cel' };
  const sensors = [
    { driver: 'linux', ...wires, root: host.root, discover: [], channels: kernelChannels(temperature) },
    { driver: 'serial', ...wires, path: serial.path, parser: { format: 'delimiter', separator: ';', ...columns } },
    {
      driver: 'serial',
      ...wires,
      name: 'pulled',
      path: join(folder, 'ttyNone'),
      parser: { format: 'json', ...nothing },
    },
    { driver: 'modbus-tcp', ...wires, host: '127.0.0.1', port: modbus.port, channels: registers(temperature) },
    {
      driver: 'mqtt-in',
      ...wires,
      url: broker.url,
      channels: [{ name: 'mqtt.kitchen', ...temperature, topic: 'zigbee2mqtt/kitchen', path: 'temperature' }],
    },
    {
      driver: 'http',
      ...wires,
      url: `http://127.0.0.1:${(web.address() as AddressInfo).port}/`,
      channels: [{ name: 'http.power', quantity: 'power', unit: 'W', path: 'meters[0].power' }],
    },
    {
      driver: 'replay',
      ...wires,
      path: join(folder, 'day.csv'),
      loop: true,
      channels: [{ name: 'replay.level', quantity: 'level', unit: 'm' }],
    },
  ];
  return { sensors, serial, tables };
}

const columns = {
  channels: [{ name: 'serial.temp', column: 1, quantity: 'temperature', unit: 'Cel' }],
};
const nothing = { channels: [{ name: 'pulled.temp', path: 't', quantity: 'temperature', unit: 'Cel' }] };
const kernelChannels = (temperature: object) => [
  { kind: 'w1', address: '28-0316a2796c1f', name: 'linux.doubted', ...temperature },
  { kind: 'w1', address: '10-000802be73fa', name: 'linux.flow', ...temperature },
];
const registers = (temperature: object) => [
  { name: 'modbus.flow', ...temperature, table: 'input', address: 0, type: 'int16', scale: 0.1 },
  { name: 'modbus.breaking', ...temperature, table: 'input', address: 1, type: 'int16', scale: 0.1, invalid: 0x8000 },
];

const expected: Record<string, [value: number, quality: string]> = {
  'linux.flow': [-10.062, 'good'],
  'linux.doubted': [23.125, 'bad'],
  'serial.temp': [21.5, 'good'],
  'modbus.flow': [21.5, 'good'],
  'modbus.breaking': [10, 'good'],
  'mqtt.kitchen': [19.25, 'good'],
  'http.power': [412.5, 'good'],
  'replay.level': [3.5, 'good'],
};

it('readings of every wire arrive in the store with their quality, and a pulled plug silences one of them alone', async () => {
  await haveServers('mosquitto', 'socat');
  const folder = await tempDir();
  const { sensors, serial, tables } = await plant(folder);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const config = writeConfig(folder, {
    edge: { site: 'works', device: 'board', sensors },
    simulator: { enabled: false },
  });
  const args = ['up', '--config', config, '--data', join(folder, 'data')];
  const ports = ['--http-port', `${httpPort}`, '--mqtt-port', `${mqttPort}`];
  const line = await startFieldline({ name: 'up', args: [...args, ...ports], folder, httpPort });
  onTestFinished(() => line.kill9());
  const stored = async () => {
    const answer = await fetch(`${line.http}/api/v1/series?site=works&limit=100`);
    const { series } = (await answer.json()) as { series: Series[] };
    return new Map(series.map((each) => [each.series.split('/').at(-1)!, each.last]));
  };
  await waitFor('a value of every wire', 30_000, async () => {
    const last = await stored();
    return Object.keys(expected).every((name) => last.get(name));
  });
  const last = await stored();
  for (const [name, [value, quality]] of Object.entries(expected)) {
    expect({ name, quality: last.get(name)!.quality }).toEqual({ name, quality });
    expect(last.get(name)!.value).toBeCloseTo(value, 6);
  }
  expect(last.get('pulled.temp')).toBeFalsy();

  tables.write('input', 1, Buffer.from([0x80, 0x00]));
  await waitFor('the register that has no value any more', 10_000, async () => {
    return (await stored()).get('modbus.breaking')?.quality === 'bad';
  });
  await serial.unplug();
  const before = (await metric(line.http, 'fieldline_ingest_readings_out_total'))!;
  await waitFor('more of the others', 15_000, async () => {
    return ((await metric(line.http, 'fieldline_ingest_readings_out_total')) ?? 0) > before + 50;
  });
  await line.terminate();
});
