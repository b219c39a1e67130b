import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { RetryableError, systemCode } from '#core/runtime/errors.js';
import { scaled } from '../channel-shape.js';
import { channel as describe, HostTree } from '../host/source.js';
import { LastKnown } from '../last-known.js';
import type { Sensor } from '../sensor.js';
import { BusRounds, type BusChannel } from './bus-rounds.js';
import { describeLinuxChannel, type LinuxChannel } from './channels.js';
import { Finder, type FindableKind } from './find.js';
import { closeLine } from './gpio.js';
import type { Probe } from './probe.js';

/** How often what was not there is looked for again. */
const searchEveryMs = 30_000;
/** A sensor all of whose buses have hung for so long is a sensor that failed. */
const stuckMs = 30_000;

export interface LinuxSensorOptions {
  readonly clock: Clock;
  /** The folder below which `sys` is found. */
  readonly root: string;
  readonly channels: readonly LinuxChannel[];
  /** Kinds of which everything is read, where no channel of the kind is listed. */
  readonly discover: readonly FindableKind[];
  /** How long a read waits for a slow bus, in milliseconds. */
  readonly waitMs: number;
}

const asItIs = { scale: 1, offset: 0 };

/** Sensors that the Linux kernel knows, read from its files in /sys. */
export class LinuxSensor implements Sensor {
  channels: Readonly<Record<string, SensorDescription>> = {};
  private readonly tree: HostTree;
  private readonly rounds: BusRounds;
  private readonly lastKnown = new LastKnown();
  private readonly exported = new Set<number>();
  private found: BusChannel[] = [];
  private missing: readonly LinuxChannel[] = [];
  private searchedMs = 0;
  private isSearching = false;

  constructor(private readonly options: LinuxSensorOptions) {
    this.tree = new HostTree(options.root, options.clock);
    this.rounds = new BusRounds(options.clock);
  }

  /** Throws RetryableError `unavailable` while none of its channels is there. */
  async start(): Promise<void> {
    if (this.found.length > 0) return;
    const { channels, discover } = this.options;
    const finder = this.finder();
    const described = new Map(channels.map((channel) => [channel.name, describeLinuxChannel(channel)]));
    for (const kind of discover.filter((one) => !channels.some((channel) => channel.kind === one))) {
      for (const probe of await finder.all(kind)) {
        if (described.has(probe.name)) continue;
        described.set(probe.name, describe(probe.quantity, probe.unit, probe.labels));
        this.add(probe.name, probe);
      }
    }
    this.missing = channels;
    await this.search(finder);
    this.channels = Object.fromEntries(described);
    if (this.found.length === 0)
      throw new RetryableError('unavailable', `nothing found below ${this.tree.path('sys')}`);
  }

  async read(): Promise<Reading[]> {
    const { clock, waitMs } = this.options;
    // Not waited for: looking means reading, too.
    if (this.missing.length > 0 && clock.monotonicMs() - this.searchedMs >= searchEveryMs) void this.searchAgain();
    const { readings, tried, failed, lastError } = await this.rounds.round(this.found, waitMs);
    const slowest = this.rounds.slowest();
    if (tried > 0 && tried === failed && !slowest) {
      // A chip that was plugged in again may be another device by then.
      this.found = [];
      throw new RetryableError('unavailable', `none of ${tried} channels can be read: ${lastError}`);
    }
    if (tried === 0 && slowest && slowest.forMs >= stuckMs) throw new RetryableError('timeout', this.detail());
    return readings;
  }

  detail(): string {
    const slowest = this.rounds.slowest();
    const absent = this.missing.map(({ name }) => name).join(', ');
    const parts = [
      ...(absent === '' ? [] : [`not there: ${absent}`]),
      ...(slowest ? [`waiting for ${slowest.bus} for ${Math.round(slowest.forMs)} ms`] : []),
    ];
    return parts.join('; ') || `${this.found.length} channels`;
  }

  /** A read in work is not waited for: it may never end. */
  async stop(): Promise<void> {
    this.found = [];
    const lines = [...this.exported];
    this.exported.clear();
    await Promise.allSettled(lines.map((line) => closeLine(this.tree, line)));
  }

  private async searchAgain(): Promise<void> {
    if (this.isSearching) return;
    this.isSearching = true;
    await this.search(this.finder());
    this.isSearching = false;
  }

  private finder(): Finder {
    return new Finder(this.tree, (line) => this.exported.add(line));
  }

  /** Looks for the listed channels that are not there yet. */
  private async search(finder: Finder): Promise<void> {
    this.searchedMs = this.options.clock.monotonicMs();
    const probes = await Promise.all(this.missing.map((channel) => finder.probe(channel)));
    const absent = this.missing.filter((channel, i) => {
      const probe = probes[i];
      if (probe) this.add(channel.name, probe, channel);
      return !probe;
    });
    this.missing = absent;
  }

  private add(sensor: string, probe: Probe, channel?: LinuxChannel): void {
    const { lastKnown } = this;
    const calibration = channel ?? asItIs;
    const entry: BusChannel = {
      bus: probe.bus,
      isSlow: probe.isSlow ?? false,
      read: async () => {
        const { value, timeUs, quality } = await probe.sample();
        return lastKnown.reading(
          sensor,
          typeof value === 'number' ? scaled(value, calibration) : value,
          timeUs,
          quality,
        );
      },
      failed: (error) => {
        if (channel && systemCode(error) === 'ENOENT') this.lose(entry, channel);
        return lastKnown.bad(sensor, this.options.clock.nowUs());
      },
    };
    this.found.push(entry);
  }

  /** It was unplugged, and is another device when it comes back. */
  private lose(entry: BusChannel, channel: LinuxChannel): void {
    this.found = this.found.filter((other) => other !== entry);
    if (!this.missing.includes(channel)) this.missing = [...this.missing, channel];
  }
}
