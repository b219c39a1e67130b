import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Reading } from '../../../../core/contract/reading.js';
import { systemClock, type Clock } from '../../../../core/runtime/clock.js';
import { RetryableError } from '../../../../core/runtime/errors.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { HostSensor } from '../../../../edge/sensors/host.js';
import { linuxDriver } from '../../../../edge/sensors/linux/driver.js';
import type { LinuxSensor } from '../../../../edge/sensors/linux/sensor.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../../contracts/sensor-suite.js';
import { waitFor } from '../../../servers/wait-for.js';
import type { FakeHost } from '../host-tree.js';
import { gpio, iio, linuxTree, makeSlow, scratchpad, w1 } from './linux-tree.js';

const schema = z.strictObject(linuxDriver.shape);

function sensorOf(host: FakeHost, options: object, clock: Clock = systemClock): LinuxSensor {
  const parsed = schema.parse({ root: host.root, waitMs: '10s', ...options });
  return linuxDriver.create(parsed, { clock, logger: silentLogger });
}

const channels = [
  { kind: 'w1', address: '28-0316a2796c1f', name: 'boiler', labels: { room: 'cellar' } },
  { kind: 'iio', address: 'bme280/temp', name: 'hall' },
  { kind: 'iio', address: 'ads1015/voltage0', name: 'level', quantity: 'level', unit: 'm', scale: 0.5, offset: -1 },
  { kind: 'hwmon', address: 'pwmfan/fan1', name: 'fan' },
  { kind: 'thermal', address: 'cpu-thermal', name: 'cpu' },
  { kind: 'gpio', line: 17, name: 'door' },
  { kind: 'gpio', chip: 'pinctrl-bcm2711', line: 18, activeLow: true, name: 'pump' },
  { kind: 'file', path: 'sys/block/mmcblk0/size', name: 'sectors', quantity: 'size', unit: 'count' },
];

async function listed(): Promise<BreakableSensor> {
  const host = await linuxTree();
  return {
    sensor: sensorOf(host, { channels }),
    breakChannel: async () => {
      await host.write(`${w1}/28-0316a2796c1f/w1_slave`, '');
      return 'boiler';
    },
    setPresent: (present) => host.setPresent(present),
  };
}

async function discovered(): Promise<BreakableSensor> {
  const host = await linuxTree();
  return {
    sensor: sensorOf(host, { discover: ['w1', 'iio', 'hwmon', 'thermal'] }),
    breakChannel: async () => {
      await host.remove(`${iio}/iio:device0/in_temp_input`);
      return 'bme280.temp';
    },
    setPresent: (present) => host.setPresent(present),
  };
}

sensorSuite('listed channels of Linux', listed);
sensorFailureSuite('listed channels of Linux', listed);
sensorSuite('all that Linux has', discovered);
sensorFailureSuite('all that Linux has', discovered);

describe('the files of Linux', () => {
  let host: FakeHost;
  beforeEach(async () => {
    host = await linuxTree();
  });

  const byName = (readings: readonly Reading[]) => new Map(readings.map((reading) => [reading.sensor, reading]));

  async function started(options: object, clock?: Clock): Promise<LinuxSensor> {
    const sensor = sensorOf(host, options, clock);
    await sensor.start();
    return sensor;
  }

  /** Name to `value quality` after one read of a fresh sensor. */
  async function readOnce(options: object): Promise<Record<string, string>> {
    const sensor = await started(options);
    const readings = await sensor.read();
    return Object.fromEntries(readings.map(({ sensor: name, value, quality }) => [name, `${value} ${quality}`]));
  }

  it('are found, with quantity and unit', async () => {
    const sensor = await started({ discover: ['w1', 'iio', 'hwmon', 'thermal'] });
    const told = Object.entries(sensor.channels).map(([name, { quantity, unit }]) => `${name} ${quantity} ${unit}`);
    expect(told).toEqual([
      'w1.10-000802be73fa temperature Cel',
      'w1.28-0316a2796c1f temperature Cel',
      'bme280.humidityrelative humidity %RH',
      'bme280.pressure pressure hPa',
      'bme280.temp temperature Cel',
      'ads1015.voltage0 voltage V',
      'ads1015.voltage0-voltage1 voltage V',
      'ads1015.voltage1 voltage V',
      'adxl345.accel_x acceleration m/s2',
      'pwmfan.curr1 current A',
      'pwmfan.fan1 fan_speed 1/min',
      'pwmfan.Vcore-in voltage V',
      'pwmfan.power1 power W',
      'sht3x-1-0044.humidity1 humidity %RH',
      'sht3x-1-0044.temp1 temperature Cel',
      'sht3x-1-0045.temp1 temperature Cel',
      'thermal.cpu-thermal temperature Cel',
    ]);
    expect(sensor.channels['w1.28-0316a2796c1f']!.labels).toEqual({ probe: '28-0316a2796c1f' });
  });

  it('are read in the units of the contract', async () => {
    expect(await readOnce({})).toEqual({
      'w1.28-0316a2796c1f': '23.125 good',
      'w1.10-000802be73fa': '-10.062 good',
      'bme280.temp': '21.37 good',
      'bme280.humidityrelative': '45.21 good',
      'bme280.pressure': '1013.25 good',
      'ads1015.voltage0': '2.4 good',
      'ads1015.voltage0-voltage1': '-0.15 good',
      'ads1015.voltage1': '3 good',
      'adxl345.accel_x': `${260 * 0.0383} good`,
    });
  });

  it('are read as listed, and a kind of which some are listed is not read as a whole', async () => {
    expect(await readOnce({ channels })).toEqual({
      boiler: '23.125 good',
      hall: '21.37 good',
      level: `${2.4 * 0.5 - 1} good`,
      fan: '4231 good',
      cpu: '48.312 good',
      door: 'true good',
      pump: 'false good',
      sectors: '62333952 good',
    });
    const sensor = await started({ channels });
    expect(sensor.channels['boiler']).toMatchObject({
      quantity: 'temperature',
      unit: 'Cel',
      labels: { room: 'cellar' },
    });
    expect(sensor.channels['level']).toMatchObject({ quantity: 'level', unit: 'm' });
    expect(await readFile(`${host.root}/${gpio}/gpio530/active_low`, 'utf8')).toMatch(/^1/);
    expect(await readFile(`${host.root}/${gpio}/gpio17/direction`, 'utf8')).toMatch(/^out/);
  });

  it.each([
    ['a wrong checksum', scratchpad(23_125, false), '23.125 bad'],
    ['the value of a sensor that was just switched on', scratchpad(85_000), '85 uncertain'],
    ['a value it cannot measure', scratchpad(127_937), '127.937 out-of-range'],
    ['a shorted bus', '00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0', '0 bad'],
    ['nothing', '', undefined],
  ])('tell of %s on a 1-Wire bus', async (_what, text, expected) => {
    await host.write(`${w1}/28-0316a2796c1f/w1_slave`, text);
    const readings = await readOnce({ discover: ['w1'] });
    expect(readings['w1.28-0316a2796c1f']).toBe(expected);
    expect(readings['w1.10-000802be73fa']).toBe('-10.062 good');
  });

  it('that fail have the last value again, which is bad', async () => {
    const sensor = await started({ channels: channels.slice(0, 2) });
    await sensor.read();
    await host.write(`${iio}/iio:device0/in_temp_input`, 'rubbish');
    expect(byName(await sensor.read()).get('hall')).toMatchObject({ value: 21.37, quality: 'bad' });
    await host.write(`${iio}/iio:device0/in_temp_input`, '22000');
    expect(byName(await sensor.read()).get('hall')).toMatchObject({ value: 22, quality: 'good' });
  });

  it('of one device are told apart where two have one name', async () => {
    await host.write(`${iio}/iio:device3/name`, 'bme280');
    await host.write(`${iio}/iio:device3/in_temp_input`, '5000');
    const readings = await readOnce({ discover: ['iio'] });
    expect(readings).toMatchObject({ 'bme280-iio:device0.temp': '21.37 good', 'bme280-iio:device3.temp': '5 good' });
  });

  describe('that speak for a GPIO line that nobody has', () => {
    const line = { kind: 'gpio', line: 27, name: 'button' };

    it('are asked for, as an input, and given back', async () => {
      const sensor = sensorOf(host, { channels: [line], discover: [] });
      // Nothing plays the kernel here, so the line is not there yet.
      await expect(sensor.start()).rejects.toThrow(RetryableError);
      expect(await readFile(`${host.root}/${gpio}/export`, 'utf8')).toMatch(/^27/);
    });

    it('are read once they are there', async () => {
      let nowMs = 0;
      const clock = { ...systemClock, monotonicMs: () => nowMs };
      const sensor = await started({ channels: [line, channels[0]], discover: [] }, clock);
      expect((await sensor.read()).map(({ sensor: name }) => name)).toEqual(['boiler']);
      expect(sensor.detail()).toBe('not there: button');
      expect(sensor.channels['button']).toMatchObject({ quantity: 'state', unit: '/' });
      await host.write(`${gpio}/gpio27/value`, '1');
      nowMs = 31_000;
      const seen = await waitFor('the line', 5000, async () => byName(await sensor.read()).get('button'), 5);
      expect(seen).toMatchObject({ value: true, quality: 'good' });
    });
  });

  it('of a chip that is another device after it was plugged in again are found again', async () => {
    let nowMs = 0;
    const sensor = await started(
      { channels: channels.slice(0, 2), discover: [] },
      { ...systemClock, monotonicMs: () => nowMs },
    );
    await sensor.read();
    await host.remove(`${iio}/iio:device0`);
    expect(byName(await sensor.read()).get('hall')).toMatchObject({ quality: 'bad' });
    expect(sensor.detail()).toBe('not there: hall');
    await host.write(`${iio}/iio:device4/name`, 'bme280');
    await host.write(`${iio}/iio:device4/in_temp_input`, '19000');
    nowMs = 31_000;
    const hall = await waitFor('the chip', 5000, async () => byName(await sensor.read()).get('hall'), 5);
    expect(hall).toMatchObject({ value: 19, quality: 'good' });
  });
});

describe('a slow 1-Wire bus', () => {
  const slow = `${w1}/28-0316a2796c1f/w1_slave`;

  it('does not keep the other channels waiting, and its reading comes later, once', async () => {
    const host = await linuxTree();
    const answer = await makeSlow(host, slow);
    const sensor = sensorOf(host, { channels: channels.slice(0, 5), waitMs: '60ms' });
    await sensor.start();
    const seen = new Set<string>();
    await waitFor('the others', 5000, async () => {
      for (const { sensor: name } of await sensor.read()) seen.add(name);
      return seen.size === 4;
    });
    expect([...seen].sort()).toEqual(['cpu', 'fan', 'hall', 'level']);
    expect(sensor.detail()).toMatch(/^waiting for 1-wire devices for \d+ ms$/);
    const fromUs = systemClock.nowUs();
    await answer(scratchpad(30_000));
    const late: Reading[] = [];
    await waitFor('the late reading', 5000, async () => {
      late.push(...(await sensor.read()).filter(({ sensor: name }) => name === 'boiler'));
      return late.length > 0;
    });
    expect(late).toMatchObject([{ value: 30, quality: 'good' }]);
    expect(late[0]!.timeUs).toBeGreaterThanOrEqual(fromUs);
  });

  it('that never answers makes a sensor fail which has nothing else, and no threads are lost by trying again', async () => {
    const host = await linuxTree();
    const answer = await makeSlow(host, slow);
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const sensor = sensorOf(host, { channels: channels.slice(0, 1), discover: [], waitMs: '1ms' }, clock);
    await sensor.start();
    expect(await sensor.read()).toEqual([]);
    nowMs = 31_000;
    // More tries than there are threads.
    for (let i = 0; i < 20; i += 1) {
      await expect(sensor.read()).rejects.toMatchObject({ code: 'timeout' });
      await sensor.start();
    }
    await answer(scratchpad(30_000));
    const readings = await waitFor('the answer', 5000, async () => {
      const some = await sensor.read().catch(() => []);
      return some.length > 0 && some;
    });
    expect(readings).toMatchObject([{ sensor: 'boiler', value: 30 }]);
  });
});

describe('the configuration', () => {
  const faults = (channel: object) =>
    schema.safeParse({ channels: [channel] }).error?.issues.map(({ path }) => path.slice(2).join('.'));

  it('must say what is measured where nobody can know', () => {
    expect(faults({ kind: 'file', path: 'x', name: 'a' })).toEqual(['quantity', 'unit']);
    expect(faults({ kind: 'iio', address: 'vcnl4000/proximity', name: 'a' })).toEqual(['quantity', 'unit']);
    expect(
      faults({ kind: 'iio', address: 'vcnl4000/proximity', name: 'a', quantity: 'near', unit: '/' }),
    ).toBeUndefined();
    expect(faults({ kind: 'w1', address: '29-00', name: 'a' })).toEqual(['address']);
    expect(faults({ kind: 'hwmon', address: 'pwmfan', name: 'a' })).toEqual(['address']);
    expect(schema.safeParse({ channels: [channels[0], channels[0]] }).error?.issues[0]?.path).toEqual(['channels']);
  });
});

it('leaves thermometers of a 1-Wire bus out of what the host driver reads', async () => {
  const host = await linuxTree();
  const sensor = new HostSensor({ clock: systemClock, root: host.root });
  await sensor.start();
  expect(Object.keys(sensor.channels).filter((name) => name.startsWith('w1'))).toEqual([]);
});
