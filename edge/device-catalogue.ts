import {
  catalogueHash,
  catalogueSchema,
  catalogueUnits,
  type Catalogue,
  type SensorDescription,
} from '#core/contract/catalogue.js';
import type { DeviceId } from '#core/contract/names.js';
import { FatalError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { CatalogueFile } from './catalogue-file.js';

/** A catalogue with what packs need of it. */
export interface CatalogueVersion {
  readonly catalogue: Catalogue;
  readonly hash: string;
  readonly units: ReadonlyMap<string, string>;
}

/** Older ones than this many are forgotten. */
const maxVersions = 16;

/**
 * The device's sensors as they come up. Each change is another catalogue with another hash. The outbox may hold packs of
 * an older one that the gateway never heard of, from before a restart even: so every catalogue that a pack ever named is
 * kept, and the uplink tells them all.
 */
export class DeviceCatalogue implements Part {
  private version: CatalogueVersion;
  private used: CatalogueVersion[] = [];
  private readonly listeners = new Set<() => void>();

  /** Without a file the used catalogues are forgotten with the process. */
  constructor(
    private readonly device: DeviceId,
    private readonly file?: CatalogueFile,
  ) {
    this.version = versionOf({ site: device.site, device: device.device, sensors: {} });
  }

  /** Reads the catalogues of earlier runs; those of a device with another name are not ours to tell. */
  start(): Promise<void> {
    const { site, device } = this.device;
    const own = (this.file?.load() ?? []).filter((old) => old.site === site && old.device === device);
    if (this.used.length === 0) this.used = own.map(versionOf);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** The sensors as they are known now. */
  get current(): CatalogueVersion {
    return this.version;
  }

  /** The catalogues that packs may name, the current one last. */
  get versions(): readonly CatalogueVersion[] {
    return [...this.used.filter(({ hash }) => hash !== this.version.hash), this.version];
  }

  /** The current catalogue, for a pack to name; it is on disk before this returns. */
  use(): CatalogueVersion {
    const { version } = this;
    if (!this.used.some(({ hash }) => hash === version.hash)) {
      this.used = [...this.used, version].slice(-maxVersions);
      this.file?.save(this.used.map(({ catalogue }) => catalogue));
    }
    return version;
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

  /** Forgets the sensors, not the catalogues that packs name: the next `describe` begins a new one. */
  clear(): void {
    this.version = versionOf({ ...this.version.catalogue, sensors: {} });
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
