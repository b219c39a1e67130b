import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { open, rm } from 'node:fs/promises';
import { FakeHost } from '../host-tree.js';

const run = promisify(execFile);

export const w1 = 'sys/bus/w1/devices';
export const iio = 'sys/bus/iio/devices';
export const gpio = 'sys/class/gpio';

/** What a DS18B20 answers. */
export const scratchpad = (milli: number, sound = true): string =>
  `72 01 4b 46 7f ff 0e 10 57 : crc=57 ${sound ? 'YES' : 'NO'}\n72 01 4b 46 7f ff 0e 10 57 t=${milli}`;

const files: Record<string, string> = {
  [`${w1}/28-0316a2796c1f/w1_slave`]: scratchpad(23_125),
  [`${w1}/28-0316a2796c1f/temperature`]: '23125',
  [`${w1}/10-000802be73fa/temperature`]: '-10062',
  [`${w1}/w1_bus_master1/w1_master_slaves`]: '28-0316a2796c1f\n10-000802be73fa',
  [`${w1}/3a-000000123456/state`]: '0',
  'sys/class/hwmon/hwmon9/name': 'w1_slave_temp',
  'sys/class/hwmon/hwmon9/temp1_input': '23125',
  [`${iio}/iio:device0/name`]: 'bme280',
  [`${iio}/iio:device0/in_temp_input`]: '21370',
  [`${iio}/iio:device0/in_humidityrelative_input`]: '45210',
  [`${iio}/iio:device0/in_pressure_input`]: '101.325',
  [`${iio}/iio:device0/in_pressure_oversampling_ratio`]: '16',
  [`${iio}/iio:device1/name`]: 'ads1015',
  [`${iio}/iio:device1/in_voltage0_raw`]: '1200',
  [`${iio}/iio:device1/in_voltage0_scale`]: '2',
  [`${iio}/iio:device1/in_voltage1_raw`]: '1000',
  [`${iio}/iio:device1/in_voltage_scale`]: '3',
  [`${iio}/iio:device1/in_voltage0-voltage1_raw`]: '-50',
  [`${iio}/iio:device2/name`]: 'adxl345',
  [`${iio}/iio:device2/in_accel_x_raw`]: '256',
  [`${iio}/iio:device2/in_accel_scale`]: '0.0383',
  [`${iio}/iio:device2/in_accel_x_offset`]: '4',
  [`${iio}/iio:device2/in_proximity_raw`]: '7',
  [`${iio}/trigger0/name`]: 'sysfstrig1',
  [`${gpio}/export`]: '',
  [`${gpio}/unexport`]: '',
  [`${gpio}/gpio17/value`]: '1',
  [`${gpio}/gpio17/direction`]: 'out',
  [`${gpio}/gpio17/active_low`]: '0',
  [`${gpio}/gpiochip512/label`]: 'pinctrl-bcm2711',
  [`${gpio}/gpiochip512/base`]: '512',
  [`${gpio}/gpio530/value`]: '0',
  [`${gpio}/gpio530/active_low`]: '0',
};

/** A Raspberry Pi with sensors at its buses. */
export async function linuxTree(): Promise<FakeHost> {
  const host = await FakeHost.create();
  await host.writeAll(files);
  return host;
}

/**
 * Makes a file one that a reader hangs in, as the kernel's during a conversion, until the returned function is called with
 * what it then reads.
 */
export async function makeSlow(host: FakeHost, path: string): Promise<(text: string) => Promise<void>> {
  const full = `${host.root}/${path}`;
  await rm(full);
  await run('mkfifo', [full]);
  // A reader left hanging would keep its thread; opened for both, a pipe never makes the test itself hang.
  onTestFinished(async () => {
    const file = await open(full, 'r+');
    await file.writeFile('\n');
    await file.close();
  });
  return async (text) => {
    const file = await open(full, 'w');
    await file.writeFile(text);
    await file.close();
  };
}
