import type { z } from 'zod';
import { parseJson } from './alert.js';
import { deviceKey } from './names.js';
import type { ReleaseArch, SignedRelease } from './release.js';
import {
  parseRolloutKey,
  rolloutBackSchema,
  rolloutDevicesSchema,
  rolloutEndSchema,
  rolloutHeadSchema,
  rolloutOpenedSchema,
  rolloutOrderSchema,
  type RolloutBack,
  type RolloutDevice,
  type RolloutEnd,
  type RolloutHead,
  type RolloutOrder,
} from './rollout.js';

/** A rollout as it stands in the log. */
export interface Rollout {
  readonly id: string;
  readonly head: RolloutHead;
  /** Stage by stage. */
  readonly devices: readonly (readonly RolloutDevice[])[];
  readonly order?: RolloutOrder;
  /** When the log took it that a stage was opened, or about then; a stage that is not in it is closed. */
  readonly openedUs: ReadonlyMap<number, number>;
  readonly end?: RolloutEnd;
  readonly back: readonly RolloutBack[];
}

/** The records of one rollout, in whatever order they come. */
interface Pages {
  head?: RolloutHead;
  order?: RolloutOrder;
  end?: RolloutEnd;
  readonly devices: Map<number, readonly RolloutDevice[]>;
  readonly openedUs: Map<number, number>;
  readonly back: Map<number, RolloutBack>;
  whole?: Rollout | undefined;
}

/** A record of `device-events`, as far as a rollout is read from it. */
export interface RolloutRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

/** The rollouts of `device-events`; one is known when all of its devices are. */
export class RolloutBook {
  private readonly pages = new Map<string, Pages>();
  private readonly heard = new Map<string, number>();

  /** `complain` hears of records that cannot be read. */
  constructor(private readonly complain: (key: string, error: unknown) => void) {}

  /** Takes a record of `device-events`, of a rollout or not; what it cannot read it leaves alone. False: of none. */
  learn({ key, value, appendedUs, offset }: RolloutRecord & { appendedUs: number; offset: number }): boolean {
    const named = parseRolloutKey(key);
    if (!named) return false;
    this.heard.set(key, offset);
    this.read(named, key, value, appendedUs);
    return true;
  }

  /** The place in the log of the last record of a key; undefined before the first. */
  heardAt(key: string): number | undefined {
    return this.heard.get(key);
  }

  /** Takes a record that the log has, and has not told yet. */
  expect({ key, value }: RolloutRecord): void {
    const named = parseRolloutKey(key);
    // Which time counts the log alone knows.
    if (named) this.read(named, key, value, Infinity);
  }

  private read(
    named: { id: string; kind: string; n: number },
    key: string,
    value: Uint8Array,
    appendedUs: number,
  ): void {
    try {
      if (value.byteLength === 0) this.forget(named.id, named.kind);
      else this.take(named, value, appendedUs);
    } catch (error) {
      this.complain(key, error);
    }
  }

  get(id: string): Rollout | undefined {
    const pages = this.pages.get(id);
    return pages && (pages.whole ??= wholeOf(id, pages));
  }

  /** The newest first. */
  all(): Rollout[] {
    const known = [...this.pages.keys()].map((id) => this.get(id)).filter((one) => one !== undefined);
    return known.sort((a, b) => b.head.createdUs - a.head.createdUs);
  }

  /** Keeps nothing of a rollout; what still comes of it does not make it whole again. */
  drop(id: string): void {
    this.pages.delete(id);
    for (const key of this.heard.keys()) if (parseRolloutKey(key)?.id === id) this.heard.delete(key);
  }

  private take({ id, kind, n }: { id: string; kind: string; n: number }, value: Uint8Array, appendedUs: number): void {
    const read = <T>(schema: z.ZodType<T>): T => parseJson(value, schema, `rollout ${kind}`);
    const pages = this.pagesOf(id);
    if (kind === 'head') pages.head = read(rolloutHeadSchema);
    else if (kind === 'devices') pages.devices.set(n, read(rolloutDevicesSchema).devices);
    else if (kind === 'order') pages.order = read(rolloutOrderSchema);
    else if (kind === 'end') pages.end = read(rolloutEndSchema);
    else if (kind === 'back') pages.back.set(n, read(rolloutBackSchema));
    else if (kind === 'stage') {
      read(rolloutOpenedSchema);
      // Several gateways may say it; the first opened it.
      pages.openedUs.set(n, Math.min(pages.openedUs.get(n) ?? Infinity, appendedUs));
    }
    pages.whole = undefined;
  }

  private forget(id: string, kind: string): void {
    if (kind === 'head') this.pages.delete(id);
  }

  private pagesOf(id: string): Pages {
    const known = this.pages.get(id);
    if (known) return known;
    const pages: Pages = { devices: new Map(), openedUs: new Map(), back: new Map() };
    this.pages.set(id, pages);
    return pages;
  }
}

function wholeOf(id: string, { head, order, end, devices, openedUs, back }: Pages): Rollout | undefined {
  if (!head) return undefined;
  const pages = Array.from({ length: head.chunks }, (_, n) => devices.get(n));
  if (pages.includes(undefined)) return undefined;
  const all = pages.flatMap((page) => page!);
  const staged = head.stages.map((_, stage) => all.filter((device) => device.stage === stage));
  for (const stage of staged) stage.sort((a, b) => (deviceKey(a) < deviceKey(b) ? -1 : 1));
  return {
    id,
    head,
    devices: staged,
    openedUs,
    back: [...back.values()],
    ...(order && { order }),
    ...(end && { end }),
  };
}

/** The release that a device of the rollout goes back to, if it is known. */
export function backRelease({ back }: Rollout, version: string, arch: ReleaseArch): SignedRelease | undefined {
  return back.find((one) => one.version === version)?.releases[arch];
}

/** Whether somebody works on it: it may yet touch devices. */
export function isUnderway({ order, end }: Rollout): boolean {
  return end === undefined && order?.want !== 'abort';
}

export function rolloutRecord(key: string, body: object): RolloutRecord {
  return { key, value: Buffer.from(JSON.stringify(body)) };
}
