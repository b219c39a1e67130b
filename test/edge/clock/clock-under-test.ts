import { join } from 'node:path';
import { Registry } from 'prom-client';
import { silentLogger } from '../../../core/runtime/logger.js';
import { ClockFile } from '../../../edge/clock/clock-file.js';
import { DeviceClock, type DeviceClockOptions } from '../../../edge/clock/device-clock.js';
import { UnsyncedBoots, type OutboxNumbers } from '../../../edge/clock/unsynced-boots.js';
import { ManualClock } from '../../support/manual-clock.js';
import { testEpoch } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';

/** The true time when a board boots, in microseconds. */
export const bootedUs = Date.UTC(2026, 10, 21, 10) * 1000;
export const bootId = 'b'.repeat(32);
export const holdMs = 900_000;

/** A board whose system's clock is a {@link ManualClock} that starts in 1970; its card stays when it is started again. */
export class TestBoard {
  readonly system = new ManualClock(0);
  /** Whether the system's clock is to be trusted. */
  trusted = false;
  outbox: OutboxNumbers = { epoch: testEpoch, lastSeq: -1, oldestHeld: 0 };
  bootId = bootId;
  clock!: DeviceClock;
  boots!: UnsyncedBoots;

  private constructor(readonly folder: string) {}

  static async create(): Promise<TestBoard> {
    return new TestBoard(await tempDir());
  }

  /** A process of this boot. */
  async start(over: Partial<DeviceClockOptions> = {}): Promise<DeviceClock> {
    await this.clock?.stop();
    this.boots = new UnsyncedBoots(new ClockFile(join(this.folder, 'clock.json'), silentLogger), silentLogger);
    this.clock = new DeviceClock({
      ...{ system: this.system, boots: this.boots, holdMs, logger: silentLogger, registry: new Registry() },
      boot: { id: this.bootId, uptimeUs: () => Math.round(this.system.monotonicMs() * 1000) },
      trust: { trusts: () => this.trusted },
      outbox: () => this.outbox,
      buildTimeUs: Date.UTC(2026, 0) * 1000,
      ...over,
    });
    await this.clock.start();
    return this.clock;
  }

  /** A time server sets the system's clock to the true time, or to another. */
  async synchronise(wrongByMs = 0): Promise<void> {
    const trueUs = bootedUs + this.system.monotonicMs() * 1000;
    this.system.stepWall((trueUs - this.system.nowUs()) / 1000 + wrongByMs);
    this.trusted = true;
    await this.system.advance(500);
  }
}
