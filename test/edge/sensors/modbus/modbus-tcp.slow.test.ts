import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock, type Clock } from '../../../../core/runtime/clock.js';
import { RetryableError } from '../../../../core/runtime/errors.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { modbusTcpDriver } from '../../../../edge/sensors/modbus/driver.js';
import type { ModbusSensor } from '../../../../edge/sensors/modbus.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../../contracts/sensor-suite.js';
import { waitFor } from '../../../servers/wait-for.js';
import { DeviceTables, startModbusServer, startRawServer, tcpFrame, type ModbusServer } from './device.js';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const temp = { name: 'temp', quantity: 'temperature', unit: 'Cel', address: 10, type: 'int16', scale: 0.1 };
const energy = { name: 'energy', quantity: 'energy', unit: 'kWh', address: 11, type: 'float32', byteOrder: 'CDAB' };
const level = { name: 'level', quantity: 'level', unit: '/100', address: 13, invalid: 0x8000 };
const pump = { name: 'pump', quantity: 'pump_state', unit: '/', table: 'coil', address: 3 };
const flow = { name: 'flow', quantity: 'flow', unit: 'm3/s', table: 'input', address: 0 };
const all = [temp, energy, level, pump, flow];

function sensorOf(port: number, options: object = {}, clock: Clock = systemClock): ModbusSensor {
  const given = { host: '127.0.0.1', port, requestTimeoutMs: 2000, channels: all, ...options };
  const parsed = z.strictObject(modbusTcpDriver.shape).parse(given);
  const sensor = modbusTcpDriver.create(parsed, { clock, logger: silentLogger });
  cleanUps.push(() => sensor.stop());
  return sensor;
}

function filled(): DeviceTables {
  const tables = new DeviceTables();
  tables.write('holding', 10, Buffer.from('ff38 0000 4248 0032'.replaceAll(' ', ''), 'hex'));
  tables.input.set(0, 7);
  tables.bits.set(3, true);
  return tables;
}

async function started(tables: DeviceTables, options: object = {}, clock?: Clock): Promise<ModbusSensor> {
  const server = await startModbusServer(tables);
  cleanUps.push(() => server.stop());
  const sensor = sensorOf(server.port, options, clock);
  await sensor.start();
  return sensor;
}

async function values(sensor: ModbusSensor): Promise<Record<string, unknown>> {
  const entries = (await sensor.read()).map(({ sensor: name, value, quality }) => [
    name,
    quality === 'good' ? value : `${quality} ${String(value)}`,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

async function breakable(): Promise<BreakableSensor> {
  const tables = filled();
  let server: ModbusServer = await startModbusServer(tables);
  cleanUps.push(() => server.stop());
  return {
    sensor: sensorOf(server.port),
    breakChannel: () => {
      tables.refused.set(13, 2);
      return Promise.resolve('level');
    },
    setPresent: async (present) => {
      if (present) server = await startModbusServer(tables, server.port);
      else await server.stop();
    },
  };
}
sensorSuite('a Modbus TCP device', breakable);
sensorFailureSuite('a Modbus TCP device', breakable);

describe('a Modbus TCP device', () => {
  it('is read in one request for each run of neighbours', async () => {
    const tables = filled();
    const sensor = await started(tables);
    expect(await values(sensor)).toEqual({ temp: -20, energy: 50, level: 50, pump: true, flow: 7 });
    expect(tables.requests).toEqual(['holding 10+4', 'input 0+1']);
  });

  it('has a register without a value as bad, with its last known one', async () => {
    const tables = filled();
    tables.holding.set(13, 0x8000);
    const sensor = await started(tables);
    expect(await values(sensor)).not.toHaveProperty('level');
    tables.holding.set(13, 49);
    expect(await values(sensor)).toMatchObject({ level: 49 });
    tables.holding.set(13, 0x8000);
    expect(await values(sensor)).toMatchObject({ level: 'bad 49', energy: 50 });
    expect(await values(sensor)).toEqual({ temp: -20, energy: 50, pump: true, flow: 7 });
  });

  it.each([1, 2, 3, 4])(
    'that refuses one register with exception %i spoils no other, and soon asks no more than needed',
    async (code) => {
      const channels = Array.from({ length: 16 }, (_, i) => ({ ...level, name: `r${i}`, address: i }));
      const tables = new DeviceTables();
      for (let i = 0; i < 16; i += 1) tables.holding.set(i, i);
      const sensor = await started(tables, { channels });
      await sensor.read();
      tables.refused.set(5, code);
      const { r5: _, ...expected } = Object.fromEntries(channels.map(({ name }, i) => [name, i]));
      expect(await values(sensor)).toEqual({ ...expected, r5: 'bad 5' });
      expect(await values(sensor)).toEqual(expected);
      tables.requests.length = 0;
      expect(await values(sensor)).toEqual(expected);
      expect(tables.requests).toEqual(['holding 0+4', 'holding 4+1', 'holding 5+1', 'holding 6+2', 'holding 8+8']);
      tables.refused.clear();
      expect(await values(sensor)).toMatchObject({ r5: 5 });
    },
  );

  it('that refuses a block only now and then is asked for the whole again', async () => {
    const tables = filled();
    const sensor = await started(tables, { channels: [temp, level, energy] });
    tables.refused.set(12, 4);
    expect(await values(sensor)).toMatchObject({ temp: -20, level: 50 });
    tables.refused.clear();
    tables.requests.length = 0;
    await sensor.read();
    expect(tables.requests).toEqual(['holding 10+4']);
  });

  it('that refuses the gap is read without it', async () => {
    const tables = filled();
    const sensor = await started(tables, { channels: [temp, level], maxGap: 5 });
    expect(tables.requests).toEqual([]);
    tables.refused.set(11, 2);
    for (let i = 0; i < 2; i += 1) expect(await values(sensor)).toEqual({ temp: -20, level: 50 });
    tables.requests.length = 0;
    expect(await values(sensor)).toEqual({ temp: -20, level: 50 });
    expect(tables.requests).toEqual(['holding 10+1', 'holding 13+1']);
  });

  it('that refuses everything is an error that names the exception, and few requests', async () => {
    const tables = filled();
    const channels = Array.from({ length: 64 }, (_, i) => ({ ...level, name: `r${i}`, address: i }));
    tables.refusedUnits.set(1, 2);
    const sensor = await started(tables, { channels });
    await expect(sensor.read()).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('exception 2') as string,
    });
    tables.requests.length = 0;
    for (let i = 0; i < 10; i += 1) await expect(sensor.read()).rejects.toThrow(RetryableError);
    expect(tables.requests.length).toBe(10);
    tables.refusedUnits.clear();
    expect(Object.keys(await values(sensor)).length).toBe(64);
  });

  it('of which one unit behind the gateway is gone keeps the others', async () => {
    const tables = filled();
    const sensor = await started(tables, { channels: [temp, { ...level, unitId: 2 }, { ...energy, unitId: 3 }] });
    expect(await values(sensor)).toEqual({ temp: -20, level: 50, energy: 50 });
    tables.refusedUnits.set(2, 11);
    expect(await values(sensor)).toEqual({ temp: -20, level: 'bad 50', energy: 50 });
  });

  it('that started anew between two reads is connected to again', async () => {
    const tables = filled();
    const server = await startModbusServer(tables);
    const sensor = sensorOf(server.port);
    await sensor.start();
    await server.stop();
    const again = await startModbusServer(tables, server.port);
    cleanUps.push(() => again.stop());
    expect(Object.keys(await values(sensor)).length).toBe(5);
  });

  it('that is not there rejects the start', async () => {
    const server = await startModbusServer(filled());
    await server.stop();
    await expect(sensorOf(server.port).start()).rejects.toMatchObject({ name: 'RetryableError', code: 'unavailable' });
  });
});

describe('what a broken Modbus TCP device sends', () => {
  type Answer = (request: Buffer, socket: Socket) => void;

  async function facing(answer: Answer, options: object = { channels: [temp] }, clock?: Clock): Promise<ModbusSensor> {
    const server = await startRawServer(answer);
    cleanUps.push(() => server.stop());
    const sensor = sensorOf(server.port, { requestTimeoutMs: 400, ...options }, clock);
    await sensor.start();
    return sensor;
  }

  it.each<[string, string, Answer]>([
    ['nothing', 'timeout', () => undefined],
    ['the end', 'unavailable', (_, socket) => socket.end()],
    ['a reset', 'unavailable', (_, socket) => socket.resetAndDestroy()],
    [
      'half a frame and the end',
      'unavailable',
      (request, socket) => socket.end(tcpFrame(request, 1, [3, 2, 0, 1]).subarray(0, 8)),
    ],
    [
      'half a frame and nothing',
      'timeout',
      (request, socket) => socket.write(tcpFrame(request, 1, [3, 2, 0, 1]).subarray(0, 9)),
    ],
    ['another unit', 'bad-data-format', (request, socket) => socket.write(tcpFrame(request, 9, [3, 2, 0, 1]))],
    ['another function', 'bad-data-format', (request, socket) => socket.write(tcpFrame(request, 1, [4, 2, 0, 1]))],
    ['too few bytes', 'bad-data-format', (request, socket) => socket.write(tcpFrame(request, 1, [3, 1, 0]))],
    ['too many bytes', 'bad-data-format', (request, socket) => socket.write(tcpFrame(request, 1, [3, 4, 0, 1, 0, 2]))],
    ['a wrong byte count', 'bad-data-format', (request, socket) => socket.write(tcpFrame(request, 1, [3, 1, 0, 1]))],
    ['an empty frame', 'bad-data-format', (request, socket) => socket.write(tcpFrame(request, 1, []))],
    [
      'another transaction',
      'timeout',
      (request, socket) => socket.write(tcpFrame(Buffer.from([9, 9]), 1, [3, 2, 0, 1])),
    ],
    ['text', 'timeout', (_, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s: %s, and the next answer counts', async (_, code, answer) => {
    let isBroken = true;
    const sensor = await facing((request, socket) => {
      if (isBroken) answer(request, socket);
      else socket.write(tcpFrame(request, 1, [3, 2, 0, 215]));
    });
    await expect(sensor.read()).rejects.toMatchObject({ name: 'RetryableError', code });
    isBroken = false;
    const next = await waitFor('an answer in time', 5000, async () => {
      await sensor.start();
      return values(sensor);
    });
    expect(next).toEqual({ temp: 21.5 });
  });

  it('an answer in many pieces is one answer', async () => {
    const sensor = await facing((request, socket) => {
      for (const byte of tcpFrame(request, 1, [3, 2, 0, 215])) socket.write(Buffer.from([byte]));
    });
    expect(await values(sensor)).toEqual({ temp: 21.5 });
  });

  it('silence for one table is told apart from a dead device, costs one timeout, and less and less often', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const asked: number[] = [];
    const answer: Answer = (request, socket) => {
      asked.push(request[7]!);
      if (request[7] === 4) socket.write(tcpFrame(request, 1, [4, 2, 0, 7]));
    };
    const sensor = await facing(answer, { channels: [temp, flow] }, clock);
    await expect(sensor.read()).rejects.toThrow(RetryableError);
    await sensor.start();
    // The silent one comes last now, so that the other is read.
    expect(await values(sensor)).toEqual({ flow: 7 });
    asked.length = 0;
    for (nowMs = 0; nowMs < 10_000; nowMs += 500) expect(await values(sensor)).toEqual({ flow: 7 });
    expect(asked.filter((code) => code === 3).length).toBeLessThanOrEqual(4);
  });

  it('a unit that never answers costs the others one timeout at most, and less and less often', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    let silent = 0;
    const answer: Answer = (request, socket) => {
      if (request[6] === 2) silent += 1;
      else socket.write(tcpFrame(request, request[6]!, [3, 2, 0, 215]));
    };
    const channels = [
      { ...temp, name: 'dead-1', unitId: 2 },
      { ...temp, name: 'dead-2', unitId: 2, address: 90 },
      { ...temp, unitId: 3 },
    ];
    const sensor = await facing(answer, { channels }, clock);
    for (; nowMs < 10_000; nowMs += 500) expect(await values(sensor)).toEqual({ temp: 21.5 });
    expect(silent).toBeLessThanOrEqual(4);
  });

  it("a connection lost amid a read is nobody's fault: the next read asks everybody", async () => {
    const answer: Answer = (request, socket) => socket.write(tcpFrame(request, request[6]!, [3, 2, 0, 215]));
    const first = await startRawServer((request, socket) => {
      if (request[6] === 1) answer(request, socket);
      else void first.stop();
    });
    const channels = [temp, { ...temp, name: 'two', unitId: 2 }, { ...temp, name: 'three', unitId: 3 }];
    const sensor = sensorOf(first.port, { channels });
    await sensor.start();
    expect(await values(sensor)).toEqual({ temp: 21.5 });
    const again = await startRawServer(answer, first.port);
    cleanUps.push(() => again.stop());
    expect(await values(sensor)).toEqual({ temp: 21.5, two: 21.5, three: 21.5 });
  });

  it('a read that hangs ends with stop', async () => {
    const sensor = await facing(() => undefined, { channels: [temp], requestTimeoutMs: 60_000 });
    const read = sensor.read();
    await sensor.stop();
    await expect(read).rejects.toThrow(RetryableError);
  });
});
