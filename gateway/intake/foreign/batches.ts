import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { ForeignBatch, ForeignReading } from './foreign.js';

/** Gathers the readings of one message by their devices, in order. */
export class Batches {
  private readonly devices = new Map<string, { readonly device: DeviceId; readonly readings: ForeignReading[] }>();

  add(device: DeviceId, reading: ForeignReading): void {
    this.of(device).push(reading);
  }

  of(device: DeviceId): ForeignReading[] {
    const key = deviceKey(device);
    let batch = this.devices.get(key);
    if (!batch) this.devices.set(key, (batch = { device, readings: [] }));
    return batch.readings;
  }

  list(): ForeignBatch[] {
    return [...this.devices.values()];
  }
}
