import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { epochSchema } from '#core/contract/names.js';
import { bootIdSchema, clockOffsetSchema } from '#core/contract/uptime-stamps.js';
import { messageOf, systemCode } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';

/** A boot that made packs before it knew the time. */
const bootSchema = z.object({
  bootId: bootIdSchema,
  /** The outbox's life then, and the first number that such a pack may have. */
  epoch: epochSchema,
  fromSeq: z.int().nonnegative(),
  /** The uptime at which the first process of this boot began to wait for the clock. */
  sinceUs: z.int().nonnegative(),
  /** The wait was given up, and its packs go out as they are, now and for ever: a number has one content. */
  released: z.boolean(),
  /** Known from then on. */
  clock: z
    .object({
      offsetUs: clockOffsetSchema,
      source: z.enum(['system', 'gateway']),
      errorUs: z.int().nonnegative().optional(),
    })
    .optional(),
});
export type UnsyncedBoot = z.infer<typeof bootSchema>;

const stateSchema = z.object({
  /** The latest time that was known for certain. */
  floorUs: z.int(),
  boots: z.array(bootSchema),
});
export type ClockState = z.infer<typeof stateSchema>;

/** What a device must remember of its clock over restarts: a small file, replaced as a whole and synced. */
export class ClockFile {
  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {}

  /** An unreadable file is as none: packs of boots that it knew stay parked, and the floor is that of the build. */
  load(): ClockState {
    try {
      return stateSchema.parse(JSON.parse(readFileSync(this.path, 'utf8')));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        this.logger.error({ path: this.path, error: messageOf(error) }, 'clock: what was remembered is unreadable');
      return { floorUs: 0, boots: [] };
    }
  }

  /** Blocks until it is on disk: that happens once a boot, and once an hour. False, and a log line, if it cannot be. */
  save(state: ClockState): boolean {
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      const fd = openSync(`${this.path}.new`, 'w', 0o640);
      try {
        writeFileSync(fd, JSON.stringify(state));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${this.path}.new`, this.path);
      // The name is safe only once its folder is.
      const folder = openSync(dirname(this.path), 'r');
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
      return true;
    } catch (error) {
      this.logger.error({ path: this.path, error: messageOf(error) }, 'clock: cannot be remembered; trying again');
      return false;
    }
  }
}
