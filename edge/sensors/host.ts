import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf, RetryableError } from '#core/runtime/errors.js';
import { globMatcher } from '../glob.js';
import { openCpu } from './host/cpu.js';
import { openDisks } from './host/disks.js';
import { openHwmon } from './host/hwmon.js';
import { openLoad } from './host/load.js';
import { openMemory } from './host/memory.js';
import { openMounts } from './host/mounts.js';
import { openNetwork } from './host/network.js';
import { HostTree, readAll, type HostSource, type OpenHostSource } from './host/source.js';
import { openThermal } from './host/thermal.js';
import { openUptime } from './host/uptime.js';
import type { Sensor } from './sensor.js';

const openers = {
  cpu: openCpu,
  load: openLoad,
  memory: openMemory,
  mounts: openMounts,
  disks: openDisks,
  network: openNetwork,
  uptime: openUptime,
  hwmon: openHwmon,
  thermal: openThermal,
} satisfies Record<string, OpenHostSource>;

export interface HostSensorOptions {
  readonly clock: Clock;
  /** Where /proc and /sys are found. Default `/`. */
  readonly root?: string;
  /** The mounted file systems whose fill is measured. Default only `/`. */
  readonly mounts?: readonly string[];
  /** Only channels whose name matches one of these globs. Default all. */
  readonly channels?: readonly string[];
}

/** The machine that the agent runs on, as the Linux kernel tells it in /proc and /sys. */
export class HostSensor implements Sensor {
  channels: Readonly<Record<string, SensorDescription>> = {};
  private sources: HostSource[] = [];
  private readonly tree: HostTree;
  private readonly isWanted: (channel: string) => boolean;

  constructor(options: HostSensorOptions) {
    this.tree = new HostTree(options.root ?? '/', options.clock, options.mounts);
    this.isWanted = globMatcher(options.channels ?? ['*']);
  }

  /** Throws FatalError `unavailable` if there is no /proc: this is no Linux host. */
  async start(): Promise<void> {
    if (this.sources.length > 0) return;
    if ((await this.tree.list('proc')).length === 0) {
      throw new FatalError('unavailable', `no /proc below ${this.tree.path()}: host sensors need Linux`);
    }
    // What this host does not have has no channels.
    const opened = await Promise.allSettled(Object.values(openers).map((open) => open(this.tree)));
    const sources = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const channels = sources.flatMap((source) => Object.entries(source.channels));
    this.channels = Object.fromEntries(channels.filter(([name]) => this.isWanted(name)));
    this.sources = sources.filter((source) => Object.keys(source.channels).some(this.isWanted));
    if (this.sources.length === 0) throw new FatalError('unavailable', 'the host has none of the wanted channels');
  }

  async read(): Promise<Reading[]> {
    try {
      const readings = await readAll(this.sources.map((source) => source.read()));
      return readings.filter(({ sensor }) => Object.hasOwn(this.channels, sensor));
    } catch (cause) {
      throw new RetryableError('unavailable', `nothing of the host can be read: ${messageOf(cause)}`, { cause });
    }
  }

  stop(): Promise<void> {
    this.sources = [];
    return Promise.resolve();
  }
}
