import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import { catalogueSchema, type SensorDescription } from '#core/contract/catalogue.js';
import { ContractError } from '#core/contract/contract-error.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';

/** What it reads of a record of `device-events`. */
interface AnnouncedEvent {
  readonly device: DeviceId;
  readonly kind: string;
  readonly value: Uint8Array;
}

const birthSchema = z.object({ version: z.string(), catalogue: catalogueSchema });
const maxDevices = 200_000;

/**
 * Who was born, as the log says: devices of our own, for which no foreign sender may speak; and foreign ones, with the
 * sensors that they had, so that a new run goes on with the same catalogue.
 */
export class AnnouncedDevices {
  /** The sensors of a foreign device; undefined for one of our own. */
  private readonly known = new Map<string, Readonly<Record<string, SensorDescription>> | undefined>();

  learn({ device, kind, value }: AnnouncedEvent): void {
    if (kind !== 'birth') return;
    const key = deviceKey(device);
    if (value.byteLength === 0) return void this.known.delete(key);
    try {
      const { version, catalogue } = parseJson(value, birthSchema, kind);
      this.known.set(key, version.startsWith('foreign/') ? catalogue.sensors : undefined);
    } catch (error) {
      // Who else reads the topic says that it is no birth.
      if (!(error instanceof ContractError)) throw error;
    }
    if (this.known.size > maxDevices) this.known.delete(this.known.keys().next().value!);
  }

  isOwn(device: DeviceId): boolean {
    const key = deviceKey(device);
    return this.known.has(key) && this.known.get(key) === undefined;
  }

  sensorsOf(device: DeviceId): Readonly<Record<string, SensorDescription>> | undefined {
    return this.known.get(deviceKey(device));
  }
}
