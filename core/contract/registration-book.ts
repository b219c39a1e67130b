import { parseJson } from './alert.js';
import { deviceKey, type DeviceId } from './names.js';
import { isOwnName, registrationSchema, storedName, type Registration, type StoredName } from './registration.js';

/** The registrations as they stand in the log, by the name with which a device speaks. */
export class RegistrationBook {
  private readonly known = new Map<string, { readonly spoken: DeviceId; readonly registration: Registration }>();
  /** Owner to the other names that were ever its own. */
  private readonly aliases = new Map<string, Map<string, DeviceId>>();

  /** Takes what stands under the name; nothing, if it was removed. Throws ContractError if it is no registration. */
  learn(spoken: DeviceId, value: Uint8Array): void {
    const key = deviceKey(spoken);
    if (value.byteLength === 0) return void this.known.delete(key);
    const registration = parseJson(value, registrationSchema, 'registration');
    this.known.set(key, { spoken: { site: spoken.site, device: spoken.device }, registration });
    for (const { site, device } of registration.namings) this.addAlias({ site, device }, spoken);
  }

  get(spoken: DeviceId): Registration | undefined {
    return this.known.get(deviceKey(spoken))?.registration;
  }

  *all(): Generator<readonly [DeviceId, Registration]> {
    for (const { spoken, registration } of this.known.values()) yield [spoken, registration];
  }

  /** How a record under `key` (`<site>/<device>`) that the log took at `appendedUs` is stored; undefined if as it speaks. */
  storedAs(key: string, appendedUs: number): StoredName | undefined {
    const known = this.known.get(key);
    if (!known || known.registration.namings.length === 0) return undefined;
    const stored = storedName(known.spoken, known.registration, appendedUs);
    return isOwnName(known.spoken, stored) ? undefined : stored;
  }

  /** Whose hardware speaks under the name. */
  ownerOf(spoken: DeviceId, atUs: number): DeviceId {
    const { site, device } = storedName(spoken, this.get(spoken), atUs);
    return { site, device };
  }

  /** The names under which a device has ever spoken, its own first. */
  namesOf(owner: DeviceId): DeviceId[] {
    return [owner, ...(this.aliases.get(deviceKey(owner))?.values() ?? [])];
  }

  /** The name under which the hardware of a device speaks: the one that it was given last. */
  spokenOf(owner: DeviceId, atUs: number): DeviceId {
    let newest = owner;
    let sinceUs = -Infinity;
    for (const name of this.namesOf(owner)) {
      const naming = storedName(name, this.get(name), atUs);
      const fromUs = 'fromUs' in naming ? (naming.fromUs as number) : -Infinity;
      if (deviceKey(naming) !== deviceKey(owner) || fromUs <= sinceUs) continue;
      newest = name;
      sinceUs = fromUs;
    }
    return newest;
  }

  private addAlias(owner: DeviceId, spoken: DeviceId): void {
    const key = deviceKey(owner);
    if (key === deviceKey(spoken)) return;
    const names = this.aliases.get(key) ?? new Map<string, DeviceId>();
    this.aliases.set(key, names.set(deviceKey(spoken), { site: spoken.site, device: spoken.device }));
  }
}
