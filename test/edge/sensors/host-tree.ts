import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tempDir } from '../../support/temp-dir.js';

/** A Raspberry Pi's /proc and /sys in a folder, as its kernel shows them. */
export class FakeHost {
  private constructor(readonly root: string) {}

  static async create(): Promise<FakeHost> {
    const host = new FakeHost(join(await tempDir(), 'root'));
    await host.writeAll(files);
    await host.link('sys/class/hwmon/hwmon0/device', '../../thermal/thermal_zone0');
    await host.link('sys/class/hwmon/hwmon2/device', '../../../devices/i2c-1/1-0044');
    await host.link('sys/class/hwmon/hwmon3/device', '../../../devices/i2c-1/1-0045');
    await host.link('sys/class/net/eth0/device', '../../../devices/pci0');
    return host;
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), `${text}\n`);
  }

  async writeAll(all: Readonly<Record<string, string>>): Promise<void> {
    await Promise.all(Object.entries(all).map(([path, text]) => this.write(path, text)));
  }

  remove(path: string): Promise<void> {
    return rm(join(this.root, path), { recursive: true });
  }

  /** The whole tree goes away or comes back. */
  setPresent(present: boolean): Promise<void> {
    const away = `${this.root}.away`;
    return present ? rename(away, this.root) : rename(this.root, away);
  }

  private async link(path: string, target: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await symlink(target, join(this.root, path));
  }
}

export const netDev = (rx: number, tx: number): string =>
  [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0',
    `  eth0: ${rx} 417 0 0 0 0 0 0 ${tx} 311 0 0 0 0 0 0`,
    'docker0: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0',
    ' wlan0: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0',
  ].join('\n');

export const diskStats = (read: number, written: number): string =>
  [
    '   7       0 loop0 5 0 40 0 0 0 0 0 0 0 0 0 0 0 0 0 0',
    ` 179       0 mmcblk0 100 0 ${read} 0 50 0 ${written} 0 0 0 0 0 0 0 0 0 0`,
    ` 179       1 mmcblk0p1 90 0 ${read} 0 40 0 ${written} 0 0 0 0 0 0 0 0 0 0`,
  ].join('\n');

const files: Record<string, string> = {
  'proc/stat': 'cpu  1000 0 500 8000 400 50 50 0 0 0\ncpu0 1000 0 500 8000 400 50 50 0 0 0\nintr 5',
  'proc/loadavg': '0.52 0.58 0.59 1/467 12345',
  'proc/meminfo': 'MemTotal:        3884332 kB\nMemFree:          205380 kB\nMemAvailable:    2812344 kB',
  'proc/uptime': '350735.47 234388.90',
  'proc/net/dev': netDev(1000, 500),
  'proc/diskstats': diskStats(2000, 1000),
  'sys/devices/pci0/vendor': '0x14e4',
  'sys/block/mmcblk0/size': '62333952',
  'sys/block/loop0/size': '0',
  'sys/class/thermal/thermal_zone0/type': 'cpu-thermal',
  'sys/class/thermal/thermal_zone0/temp': '48312',
  'sys/class/thermal/cooling_device0/type': 'gpio-fan',
  // The kernel shows the zone a second time.
  'sys/class/hwmon/hwmon0/name': 'cpu_thermal',
  'sys/class/hwmon/hwmon0/temp1_input': '48312',
  'sys/class/hwmon/hwmon1/name': 'pwmfan',
  'sys/class/hwmon/hwmon1/fan1_input': '4231',
  'sys/class/hwmon/hwmon1/in0_input': '5012',
  'sys/class/hwmon/hwmon1/in0_label': 'Vcore in',
  'sys/class/hwmon/hwmon1/curr1_input': '734',
  'sys/class/hwmon/hwmon1/power1_average': '3680000',
  'sys/class/hwmon/hwmon1/pwm1': '128',
  'sys/class/hwmon/hwmon2/name': 'sht3x',
  'sys/class/hwmon/hwmon2/temp1_input': '21370',
  'sys/class/hwmon/hwmon2/temp1_fault': '0',
  'sys/class/hwmon/hwmon2/humidity1_input': '45210',
  'sys/class/hwmon/hwmon3/name': 'sht3x',
  'sys/class/hwmon/hwmon3/temp1_input': '-273150',
};
