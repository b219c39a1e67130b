import { catalogueHash, catalogueSchema, type Catalogue } from '#core/contract/catalogue.js';
import { ContractError } from '#core/contract/contract-error.js';
import type { DeviceId } from '#core/contract/names.js';

/** A catalogue made ready for the hot path: a sensor's unit by one look-up, and no inherited property for a sensor. */
export interface KnownCatalogue {
  readonly hash: string;
  readonly catalogue: Catalogue;
  readonly units: ReadonlyMap<string, string>;
}

/** `<site>/<device>/<hash>`: a hash counts only for the device that spoke it. */
export function catalogueKey(device: DeviceId, hash: string): string {
  return `${device.site}/${device.device}/${hash}`;
}

/** The catalogues that devices have announced. A catalogue never changes, so the first one under a hash stays. */
export class CatalogueBook {
  private readonly known = new Map<string, KnownCatalogue>();

  get size(): number {
    return this.known.size;
  }

  get(device: DeviceId, hash: string): KnownCatalogue | undefined {
    return this.known.get(catalogueKey(device, hash));
  }

  /**
   * Takes a catalogue as it stood in the log under its hash; true if it was new.
   * Throws {@link ContractError} `schema` or `wrong-identity` if it is none, of another device, or of another hash:
   * a hash that could mean two things would let a reading be stored in a wrong unit.
   */
  add(device: DeviceId, hash: string, announced: unknown): boolean {
    if (this.get(device, hash)) return false;
    const parsed = catalogueSchema.safeParse(announced);
    if (!parsed.success) throw new ContractError('schema', `catalogue ${hash}: ${parsed.error.issues[0]!.message}`);
    const catalogue: Catalogue = parsed.data;
    if (catalogue.site !== device.site || catalogue.device !== device.device) {
      throw new ContractError('wrong-identity', `catalogue ${hash} is of ${catalogue.site}/${catalogue.device}`);
    }
    // A device may leave out what has a default, so its hash is of what it sent.
    if (catalogueHash(catalogue) !== hash && catalogueHash(announced as Catalogue) !== hash) {
      throw new ContractError('wrong-identity', `catalogue ${hash} has another hash`);
    }
    const units = new Map(Object.entries(catalogue.sensors).map(([sensor, { unit }]) => [sensor, unit]));
    this.known.set(catalogueKey(device, hash), { hash, catalogue, units });
    return true;
  }
}
