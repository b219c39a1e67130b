import { z } from 'zod';
import type { Catalogue } from './catalogue.js';
import { deviceKey, nameSchema, type DeviceId } from './names.js';

/** Names that one device may take on over its life; the oldest are not forgotten, so that is a bound. */
export const maxNamings = 64;

/** What is said under a name from `fromUs` on: whose it is, and which of its sensors are stored under another name. */
export const namingSchema = z.object({
  /** By the time at which the log took a record, microseconds since the Unix epoch: every reader sees the same. */
  fromUs: z.int(),
  site: nameSchema,
  device: nameSchema,
  /** Spoken name to stored name. */
  sensors: z.record(nameSchema, nameSchema).default({}),
});
export type Naming = z.infer<typeof namingSchema>;

/**
 * What operators said of a device, in `device-events` under the name with which it speaks, kind `registration`. A device
 * without one is unknown, and so is one of which `state` says so: that was turned away, and is listed for them.
 */
export const registrationSchema = z.object({
  type: z.literal('registration'),
  state: z.enum(['unknown', 'adopted', 'retired']),
  /** When it came into this state. */
  sinceUs: z.int(),
  by: z.string().max(256),
  /** How people call it. */
  title: z.string().min(1).max(128).optional(),
  /** When its hardware was last replaced. */
  replacedUs: z.int().optional(),
  /** In order of time; before the first it is stored as it speaks. */
  namings: z.array(namingSchema).max(maxNamings).default([]),
});
export type Registration = z.infer<typeof registrationSchema>;

/** How what is spoken under a name is stored. */
export interface StoredName extends DeviceId {
  readonly sensors: Readonly<Record<string, string>>;
}

const ownSensors: StoredName['sensors'] = {};

/**
 * Under which identity a record of `spoken` that the log took at `appendedUs` is stored. Every reader of the log asks
 * this and nothing else, so ingest, live view, archive and batch agree.
 */
export function storedName(spoken: DeviceId, registration: Registration | undefined, appendedUs: number): StoredName {
  const naming = registration?.namings.findLast(({ fromUs }) => fromUs <= appendedUs);
  if (naming) return naming;
  return { site: spoken.site, device: spoken.device, sensors: ownSensors };
}

/** Whether a record is stored as it is spoken. */
export function isOwnName(spoken: DeviceId, { sensors, ...stored }: StoredName): boolean {
  return deviceKey(spoken) === deviceKey(stored) && Object.keys(sensors).length === 0;
}

/**
 * Spoken to stored sensor, of those that change their name. One is left as it is where its catalogue has another sensor
 * of that name, which keeps it: two would become one, and no longer be told apart.
 */
export function storedSensors({ sensors }: Pick<Catalogue, 'sensors'>, stored: StoredName): Map<string, string> {
  const renamed = new Map<string, string>();
  const taken = new Set<string>();
  for (const [spoken, name] of Object.entries(stored.sensors)) {
    if (spoken === name || !Object.hasOwn(sensors, spoken) || taken.has(name)) continue;
    renamed.set(spoken, name);
    taken.add(name);
  }
  // One that keeps its name may stand in the way of another, and so on.
  for (let before = -1; before !== renamed.size;) {
    before = renamed.size;
    for (const [spoken, name] of renamed) {
      if (Object.hasOwn(sensors, name) && !renamed.has(name)) renamed.delete(spoken);
    }
  }
  return renamed;
}

/** The catalogue of what is stored. */
export function storedCatalogue(catalogue: Catalogue, stored: StoredName): Catalogue {
  const renamed = storedSensors(catalogue, stored);
  const sensors = Object.fromEntries(
    Object.entries(catalogue.sensors).map(([name, described]) => [renamed.get(name) ?? name, described]),
  );
  return { site: stored.site, device: stored.device, sensors };
}
