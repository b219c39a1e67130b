import { beforeEach, describe, expect, it } from 'vitest';
import type { Reading } from '../../../core/contract/reading.js';
import { systemClock, type Clock } from '../../../core/runtime/clock.js';
import { FatalError, RetryableError } from '../../../core/runtime/errors.js';
import { HostSensor } from '../../../edge/sensors/host.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../contracts/sensor-suite.js';
import { diskStats, FakeHost, netDev } from './host-tree.js';

sensorSuite('the real host', () => Promise.resolve({ sensor: new HostSensor({ clock: systemClock }) }));

async function raspberry(): Promise<BreakableSensor> {
  const host = await FakeHost.create();
  let ticks = 8000;
  // The share of the processor needs its counter to move between two reads.
  const sleep = () => host.write('proc/stat', `cpu  1000 0 500 ${(ticks += 10)} 400 50 50 0 0 0`);
  const clock: Clock = { ...systemClock, sleep };
  return {
    sensor: new HostSensor({ clock, root: host.root }),
    clock,
    breakChannel: async () => {
      await host.remove('sys/class/hwmon/hwmon1/fan1_input');
      return 'pwmfan.fan1';
    },
    setPresent: (present) => host.setPresent(present),
  };
}
sensorSuite('a Raspberry Pi', raspberry);
sensorFailureSuite('a Raspberry Pi', raspberry);

describe('what a host tells', () => {
  let host: FakeHost;
  let sensor: HostSensor;
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };

  async function read(): Promise<Map<string, Reading>> {
    return new Map((await sensor.read()).map((reading) => [reading.sensor, reading]));
  }

  beforeEach(async () => {
    nowMs = 0;
    host = await FakeHost.create();
    sensor = new HostSensor({ clock, root: host.root });
    await sensor.start();
  });

  it('has these channels, with quantity and unit', () => {
    const channels = Object.entries(sensor.channels).map(([name, { quantity, unit }]) => `${name} ${quantity} ${unit}`);
    expect(channels).toEqual([
      'cpu-load cpu_load /100',
      'load-1m load_average count',
      'load-5m load_average count',
      'load-15m load_average count',
      'memory-used memory_used B',
      'memory-available memory_available B',
      'disk-used disk_used /100',
      'disk-read.mmcblk0 disk_read_rate B/s',
      'disk-write.mmcblk0 disk_write_rate B/s',
      'net-rx.eth0 network_receive_rate B/s',
      'net-tx.eth0 network_transmit_rate B/s',
      'uptime uptime s',
      'pwmfan.curr1 current A',
      'pwmfan.fan1 fan_speed 1/min',
      'pwmfan.Vcore-in voltage V',
      'pwmfan.power1 power W',
      'sht3x-1-0044.humidity1 humidity %RH',
      'sht3x-1-0044.temp1 temperature Cel',
      'sht3x-1-0045.temp1 temperature Cel',
      'thermal.cpu-thermal temperature Cel',
    ]);
    expect(sensor.channels['net-rx.eth0']!.labels).toEqual({ interface: 'eth0' });
    expect(sensor.channels['pwmfan.Vcore-in']!.labels).toEqual({ chip: 'pwmfan', label: 'Vcore in' });
  });

  it('converts what the kernel writes into the units of the contract', async () => {
    const readings = await read();
    const values = Object.fromEntries([...readings].map(([name, { value }]) => [name, value]));
    expect(values).toMatchObject({
      'load-1m': 0.52,
      'load-15m': 0.59,
      'memory-used': (3_884_332 - 2_812_344) * 1024,
      'memory-available': 2_812_344 * 1024,
      uptime: 350_735.47,
      'pwmfan.fan1': 4231,
      'pwmfan.Vcore-in': 5.012,
      'pwmfan.curr1': 0.734,
      'pwmfan.power1': 3.68,
      'sht3x-1-0044.temp1': 21.37,
      'sht3x-1-0044.humidity1': 45.21,
      'thermal.cpu-thermal': 48.312,
    });
    expect(values['disk-used']).toBeGreaterThan(0);
    expect(values['disk-used']).toBeLessThanOrEqual(100);
  });

  it('gives the share of the processor between two readings', async () => {
    await host.write('proc/stat', 'cpu  1030 0 520 8040 410 50 50 0 0 0');
    expect((await read()).get('cpu-load')!.value).toBeCloseTo(50, 9);
    await host.write('proc/stat', 'cpu  1030 0 520 8140 410 50 50 0 0 0');
    expect((await read()).get('cpu-load')!.value).toBe(0);
    expect((await read()).has('cpu-load')).toBe(false);
  });

  it('gives rates from the first reading on', async () => {
    await host.write('proc/net/dev', netDev(21_000, 1500));
    await host.write('proc/diskstats', diskStats(2010, 1100));
    nowMs = 2000;
    const readings = await read();
    expect(readings.get('net-rx.eth0')!.value).toBe(10_000);
    expect(readings.get('net-tx.eth0')!.value).toBe(500);
    expect(readings.get('disk-read.mmcblk0')!.value).toBe((10 * 512) / 2);
    expect(readings.get('disk-write.mmcblk0')!.value).toBe((100 * 512) / 2);
  });

  it('gives no rate when a counter went back, and goes on from there', async () => {
    nowMs = 1000;
    await host.write('proc/net/dev', netDev(10, 1500));
    const readings = await read();
    expect(readings.has('net-rx.eth0')).toBe(false);
    expect(readings.get('net-tx.eth0')!.value).toBe(1000);
    nowMs = 2000;
    await host.write('proc/net/dev', netDev(110, 1500));
    expect((await read()).get('net-rx.eth0')!.value).toBe(100);
  });

  it('marks what a broken probe says', async () => {
    expect((await read()).get('sht3x-1-0045.temp1')).toMatchObject({ value: -273.15, quality: 'out-of-range' });
    await host.write('sys/class/hwmon/hwmon2/temp1_fault', '1');
    const readings = await read();
    expect(readings.get('sht3x-1-0044.temp1')!.quality).toBe('bad');
    expect(readings.get('sht3x-1-0044.humidity1')!.quality).toBe('good');
  });

  it.each([
    ['proc/stat', 'rubbish', ['cpu-load']],
    ['proc/meminfo', 'MemTotal: 5 kB', ['memory-used', 'memory-available']],
    ['proc/loadavg', 'a b 0.7', ['load-1m', 'load-5m']],
    ['proc/loadavg', '', ['load-1m', 'load-5m', 'load-15m']],
    ['proc/uptime', '', ['uptime']],
    ['sys/class/thermal/thermal_zone0/temp', '', ['thermal.cpu-thermal']],
    ['proc/diskstats', '', ['disk-read.mmcblk0', 'disk-write.mmcblk0']],
  ])('leaves out what %s does not say', async (path, text, absent) => {
    const touch = async () => {
      nowMs += 1000;
      await host.write('proc/stat', `cpu  1000 0 500 ${8000 + nowMs} 400 50 50 0 0 0`);
    };
    await touch();
    const before = await read();
    await touch();
    await host.write(path, text);
    const after = await read();
    expect([...before.keys()].filter((name) => !after.has(name))).toEqual(absent);
  });

  it('has only the wanted channels', async () => {
    sensor = new HostSensor({ clock, root: host.root, channels: ['load-?m', 'thermal.*'], mounts: ['/', '/proc'] });
    await sensor.start();
    expect(Object.keys(sensor.channels)).toEqual(['load-1m', 'load-5m', 'thermal.cpu-thermal']);
    expect((await read()).size).toBe(3);
  });

  it('names other file systems by their place', async () => {
    sensor = new HostSensor({ clock, root: host.root, mounts: ['/', '/proc/net'] });
    await sensor.start();
    expect(Object.keys(sensor.channels).filter((name) => name.startsWith('disk-used'))).toEqual([
      'disk-used',
      'disk-used.proc-net',
    ]);
  });

  it('never can be read where there is no Linux', async () => {
    sensor = new HostSensor({ clock, root: `${host.root}/sys` });
    await expect(sensor.start()).rejects.toThrow(FatalError);
  });

  it('rejects with a RetryableError when nothing can be read any more', async () => {
    await host.setPresent(false);
    await expect(sensor.read()).rejects.toThrow(RetryableError);
    await host.setPresent(true);
  });
});
