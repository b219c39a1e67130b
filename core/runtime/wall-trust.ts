import { lstatSync, readFileSync, statSync } from 'node:fs';
import { minuteUs } from '../contract/time.js';

/** When the system's clock is believed: see `edge.clock.trust` in docs/configuration.md. */
export type TrustMode = 'auto' | 'system' | 'synced';

/** What of the machine tells whether its clock is right. */
export interface Machine {
  /** Whether there is something at the path, a link that leads nowhere included. */
  exists(path: string): boolean;
  /** When the file was last written, in milliseconds; undefined if there is none. */
  writtenMs(path: string): number | undefined;
  /** The text of a small file; undefined if it cannot be read. */
  text(path: string): string | undefined;
}

export const systemMachine: Machine = {
  exists: (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined,
  writtenMs: (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs,
  text: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
};

/** Present, even where a container hides the rest of /sys/firmware, on boards that are described by a device tree. */
const deviceTree = '/proc/device-tree';
const hardwareClock = '/sys/class/rtc/rtc0/since_epoch';
/** A hardware clock may keep local time: whole quarters of an hour away, and no farther than the zones are. */
const zoneStepUs = 15 * minuteUs;
const farthestZoneUs = 14 * 60 * minuteUs;
const toleranceUs = 10e6;

export interface WallTrustOptions {
  readonly mode: TrustMode;
  /** Files that tell that the clock was synchronised, see the configuration. */
  readonly markers: readonly string[];
  readonly machine: Machine;
  /** No true time lies before it. */
  readonly floorUs: () => number;
}

/** Decides whether the system's clock shows the time, or a guess that boards make when they start. */
export class WallTrust {
  /** When the markers outside /run were written, as first seen: they outlive a boot, so only a change says something. */
  private readonly seen = new Map<string, number | undefined>();

  constructor(private readonly options: WallTrustOptions) {
    for (const path of options.markers) if (!isVolatile(path)) this.seen.set(path, options.machine.writtenMs(path));
  }

  /** `wallUs` is what the system's clock shows now. */
  trusts(wallUs: number): boolean {
    const { mode, floorUs } = this.options;
    if (mode === 'system' || this.isMarked()) return true;
    return mode === 'auto' && wallUs >= floorUs() && this.isSteady(wallUs);
  }

  private isMarked(): boolean {
    const { markers, machine } = this.options;
    return markers.some((path) => {
      if (isVolatile(path)) return machine.exists(path);
      const writtenMs = machine.writtenMs(path);
      return writtenMs !== undefined && writtenMs !== this.seen.get(path);
    });
  }

  /** A machine whose clock ran on while it was off: its hardware clock agrees, or it is no board that lacks one. */
  private isSteady(wallUs: number): boolean {
    const { machine, floorUs } = this.options;
    const seconds = machine.text(hardwareClock);
    if (seconds === undefined) return !machine.exists(deviceTree);
    const hardwareUs = Number(seconds) * 1e6;
    const awayUs = Math.abs(wallUs - hardwareUs);
    const beyondZoneUs = Math.min(awayUs % zoneStepUs, zoneStepUs - (awayUs % zoneStepUs));
    return (
      hardwareUs >= floorUs() - farthestZoneUs && awayUs <= farthestZoneUs + toleranceUs && beyondZoneUs <= toleranceUs
    );
  }
}

/** What lies there is gone after a boot. */
function isVolatile(path: string): boolean {
  return path.startsWith('/run/') || path.startsWith('/var/run/');
}
