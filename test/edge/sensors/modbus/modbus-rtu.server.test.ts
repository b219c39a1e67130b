import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../../../core/runtime/clock.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { modbusRtuDriver } from '../../../../edge/sensors/modbus/driver.js';
import type { ModbusSensor } from '../../../../edge/sensors/modbus.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../../contracts/sensor-suite.js';
import { haveServers } from '../../../servers/ensure.js';
import { startSerialLine, type SerialLine } from '../../../servers/socat.js';
import { waitFor } from '../../../servers/wait-for.js';
import { DeviceTables } from './device.js';
import { RtuDevice } from './rtu-device.js';

const temp = { name: 'temp', quantity: 'temperature', unit: 'Cel', address: 10, type: 'int16', scale: 0.1 };
const level = { name: 'level', quantity: 'level', unit: '/100', address: 12 };
const flow = { name: 'flow', quantity: 'flow', unit: 'm3/s', table: 'input', address: 0, type: 'float32' };
const pump = { name: 'pump', quantity: 'pump_state', unit: '/', table: 'discrete', address: 9 };

describe.skipIf(!(await haveServers('socat')))('Modbus RTU', () => {
  let line: SerialLine;
  let tables: DeviceTables;
  let device: RtuDevice;
  const sensors: ModbusSensor[] = [];

  beforeAll(async () => {
    line = await startSerialLine();
  });
  afterAll(() => line?.stop());

  beforeEach(() => {
    tables = new DeviceTables();
    tables.holding.set(10, 215).set(11, 1).set(12, 60);
    tables.write('input', 0, Buffer.from('41c80000', 'hex'));
    device = new RtuDevice(tables, [1, 3]);
    line.answer = device.answer;
  });
  afterEach(async () => {
    for (const sensor of sensors.splice(0)) await sensor.stop();
  });

  function sensorOf(options: object = {}): ModbusSensor {
    const channels = [temp, level, flow, pump];
    const given = { path: line.path, baudRate: 115_200, requestTimeoutMs: 500, channels, ...options };
    const parsed = z.strictObject(modbusRtuDriver.shape).parse(given);
    const sensor = modbusRtuDriver.create(parsed, { clock: systemClock, logger: silentLogger });
    sensors.push(sensor);
    return sensor;
  }

  async function values(sensor: ModbusSensor): Promise<Record<string, unknown>> {
    const readings = (await sensor.read()).filter(({ quality }) => quality === 'good');
    return Object.fromEntries(readings.map(({ sensor: name, value }) => [name, value]));
  }

  const breakable = (): Promise<BreakableSensor> =>
    Promise.resolve({
      sensor: sensorOf(),
      breakChannel: () => {
        tables.refused.set(12, 2);
        return Promise.resolve('level');
      },
      setPresent: (present) => (present ? line.plug() : line.unplug()),
    });
  sensorSuite('a Modbus RTU device', breakable);
  sensorFailureSuite('a Modbus RTU device', breakable);

  it('reads each table over the wire', async () => {
    const sensor = sensorOf({ maxGap: 1 });
    await sensor.start();
    expect(await values(sensor)).toEqual({ temp: 21.5, level: 60, flow: 25, pump: true });
    expect(tables.requests.toSorted()).toEqual(['holding 10+3', 'input 0+2']);
  });

  it('reads several units of a bus, of which one is silent', async () => {
    const channels = [{ ...temp, unitId: 2, name: 'dead' }, { ...temp, unitId: 3 }, level];
    const sensor = sensorOf({ channels });
    await sensor.start();
    for (let i = 0; i < 3; i += 1) expect(await values(sensor)).toEqual({ temp: 21.5, level: 60 });
  });

  it.each<[string, (frame: Buffer) => Buffer | undefined]>([
    ['a wrong checksum', (frame) => Buffer.concat([frame.subarray(0, -1), Buffer.from([frame.at(-1)! ^ 1])])],
    ['half a frame', (frame) => frame.subarray(0, 4)],
    ['another unit', (frame) => Buffer.concat([Buffer.from([9]), frame.subarray(1)])],
    ['noise', () => Buffer.from('0103ff00fe01038899', 'hex')],
    ['silence', () => undefined],
  ])('%s is an error, and the next answer counts', async (_, disturb) => {
    const sensor = sensorOf({ channels: [temp] });
    await sensor.start();
    device.disturb = disturb;
    await expect(sensor.read()).rejects.toMatchObject({ name: 'RetryableError' });
    device.disturb = (frame) => frame;
    const next = await waitFor('an answer in time', 5000, async () => {
      await sensor.start();
      return values(sensor);
    });
    expect(next).toEqual({ temp: 21.5 });
  });

  it('noise before a frame does no harm', async () => {
    const sensor = sensorOf({ channels: [temp] });
    await sensor.start();
    device.disturb = (frame) => Buffer.concat([Buffer.from([0, 0xff, 0]), frame]);
    expect(await values(sensor)).toEqual({ temp: 21.5 });
  });

  it('a late answer is not taken for that of another request', async () => {
    const sensor = sensorOf({ channels: [temp] });
    await sensor.start();
    let late: Buffer | undefined;
    device.disturb = (frame) => {
      late = frame;
      return undefined;
    };
    await expect(sensor.read()).rejects.toMatchObject({ code: 'timeout' });
    tables.holding.set(10, 220);
    device.disturb = (frame) => frame;
    await sensor.start();
    await line.send(late!);
    const port = () => (sensor as unknown as { link: { client: { _port: { _buffer: Buffer } } } }).link.client._port;
    await waitFor('the late answer', 2000, () => port()._buffer.length === late!.length, 5);
    expect(await values(sensor)).toEqual({ temp: 22 });
  });

  it('a pulled cable is an error at once, also amid a request', async () => {
    const sensor = sensorOf({ channels: [temp], requestTimeoutMs: 60_000 });
    await sensor.start();
    device.disturb = () => undefined;
    const read = sensor.read();
    const rejected = expect(read).rejects.toMatchObject({ name: 'RetryableError', code: 'unavailable' });
    await line.unplug();
    await rejected;
    await expect(sensor.start()).rejects.toMatchObject({ name: 'RetryableError', code: 'unavailable' });
    await line.plug();
    device.disturb = (frame) => frame;
    await sensor.start();
    expect(await values(sensor)).toEqual({ temp: 21.5 });
  });

  // Four of thirteen such lines were never given up by serialport's own binding.
  it('notices a pulled cable amid data each time', async () => {
    const sensor = sensorOf({ channels: [temp], requestTimeoutMs: 60_000 });
    device.disturb = () => undefined;
    for (let round = 0; round < 12; round += 1) {
      await sensor.start();
      const rejected = expect(sensor.read()).rejects.toMatchObject({ name: 'RetryableError', code: 'unavailable' });
      await line.send(Buffer.alloc(400, 0x55));
      await line.unplug();
      await rejected;
      await line.plug();
    }
    device.disturb = (frame) => frame;
  });
});
