import { parseJson } from '#core/contract/alert.js';
import { readSignedConfig } from '#core/contract/desired-config.js';
import { configReportSchema, type ConfigReport } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from './device-events.js';

export interface Desired {
  readonly device: DeviceId;
  readonly payload: Uint8Array;
  readonly version: number;
  readonly hash: string;
}

export interface DesiredConfigsOptions {
  /** Says it, retained, to the device; an empty payload takes it back. */
  readonly publish: (device: DeviceId, payload: Uint8Array) => Promise<void>;
  readonly logger: Logger;
}

/**
 * The newest desired config of each device, and what the device reported of it, as they stand in the log. The broker's
 * retained messages are gone with the process, so all are published anew at each start.
 */
export class DesiredConfigs implements Part {
  private readonly desired = new Map<string, Desired>();
  /** Of which the desire was taken back: a broker elsewhere may still hold it. */
  private readonly removed = new Map<string, DeviceId>();
  private readonly reports = new Map<string, ConfigReport>();
  private open = false;

  constructor(private readonly options: DesiredConfigsOptions) {}

  get(device: DeviceId): { desired: Desired | undefined; reported: ConfigReport | undefined } {
    const key = deviceKey(device);
    return { desired: this.desired.get(key), reported: this.reports.get(key) };
  }

  /** Takes a record of `device-events`; those that it cannot read it leaves alone. */
  learn({ device, kind, value }: DeviceEventRecord): void {
    try {
      if (kind === 'config') this.learnDesired(device, value);
      if (kind === 'config-report') this.reports.set(deviceKey(device), parseJson(value, configReportSchema, kind));
    } catch (error) {
      this.options.logger.warn({ device: deviceKey(device), kind, error: messageOf(error) }, 'ignored a device event');
    }
  }

  /** The broker is open. */
  async start(): Promise<void> {
    this.open = true;
    for (const { device, payload } of this.desired.values()) await this.publish(device, payload);
    for (const device of this.removed.values()) await this.publish(device, new Uint8Array());
  }

  stop(): Promise<void> {
    this.open = false;
    return Promise.resolve();
  }

  private learnDesired(device: DeviceId, payload: Uint8Array): void {
    const key = deviceKey(device);
    if (payload.byteLength === 0) {
      this.desired.delete(key);
      this.removed.set(key, device);
    } else {
      const { document, hash } = readSignedConfig(payload, device);
      this.desired.set(key, { device, payload, version: document.version, hash });
      this.removed.delete(key);
    }
    if (this.open) void this.publish(device, payload);
  }

  private async publish(device: DeviceId, payload: Uint8Array): Promise<void> {
    await this.options.publish(device, payload).catch((error: unknown) => {
      this.options.logger.error(
        { device: deviceKey(device), error: messageOf(error) },
        'a config could not be published',
      );
    });
  }
}
