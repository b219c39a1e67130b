import {
  catalogueHash,
  catalogueSchema,
  catalogueUnits,
  type Catalogue,
  type SensorDescription,
} from '#core/contract/catalogue.js';
import type { DeviceId } from '#core/contract/names.js';
import { FatalError } from '#core/runtime/errors.js';

/** A catalogue with what packs need of it. */
export interface CatalogueVersion {
  readonly catalogue: Catalogue;
  readonly hash: string;
  readonly units: ReadonlyMap<string, string>;
}

/**
 * The device's sensors as they come up. Each change is another catalogue with another hash; what was described once
 * stays described, for packs in the outbox refer to it.
 */
export class DeviceCatalogue {
  private version: CatalogueVersion;
  private readonly listeners = new Set<() => void>();

  constructor(device: DeviceId) {
    this.version = versionOf({ site: device.site, device: device.device, sensors: {} });
  }

  get current(): CatalogueVersion {
    return this.version;
  }

  /** Adds or replaces descriptions. Throws FatalError `bad-config` if the contract allows no such catalogue. */
  describe(channels: Readonly<Record<string, SensorDescription>>): void {
    const { catalogue } = this.version;
    const result = catalogueSchema.safeParse({ ...catalogue, sensors: { ...catalogue.sensors, ...channels } });
    if (!result.success) {
      const issue = result.error.issues[0]!;
      throw new FatalError('bad-config', `${issue.path.join('.')}: ${issue.message}`);
    }
    const next = versionOf(result.data);
    if (next.hash === this.version.hash) return;
    this.version = next;
    for (const listener of this.listeners) listener();
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function versionOf(catalogue: Catalogue): CatalogueVersion {
  return { catalogue, hash: catalogueHash(catalogue), units: catalogueUnits(catalogue) };
}
