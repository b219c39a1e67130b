import { parseJson } from '#core/contract/alert.js';
import { deviceEventKey } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import {
  desiredReleaseSchema,
  releaseManifestSchema,
  releaseReportSchema,
  type DesiredRelease,
  type ReleaseManifest,
  type ReleaseReport,
} from '#core/contract/release.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from './device-events.js';

/** What stands in the log of what a device is to run; without `id` it is to keep what it has. */
export interface DesiredEntry {
  readonly device: DeviceId;
  readonly payload: Uint8Array;
  readonly id?: string;
  readonly version?: string;
  /** When the log took it; Infinity until it told. */
  readonly atUs: number;
}

export interface DesiredReleasesOptions {
  readonly log: Pick<EventLog, 'append'>;
  /** Says it, retained, to the device; an empty payload takes it back. */
  readonly publish: (device: DeviceId, payload: Uint8Array) => Promise<void>;
  readonly logger: Logger;
}

const maxKnownManifests = 100;

/**
 * The newest desired release of each device, and what the device reported of it, as they stand in the log. The broker's
 * retained messages are gone with the process, so all are published anew at each start.
 */
export class DesiredReleases implements Part {
  private readonly entries = new Map<string, DesiredEntry>();
  private readonly reports = new Map<string, ReleaseReport>();
  /** Many devices are told the same manifest. */
  private readonly manifests = new Map<string, ReleaseManifest>();
  /** The place in the log of the last record of each device's desire. */
  private readonly heard = new Map<string, number>();
  private open = false;

  constructor(private readonly options: DesiredReleasesOptions) {}

  desired(device: DeviceId): DesiredEntry | undefined {
    return this.entries.get(deviceKey(device));
  }

  reported(device: DeviceId): ReleaseReport | undefined {
    return this.reports.get(deviceKey(device));
  }

  /** Resolves when the log has it. Undefined: the device is to keep what it has. */
  async desire(wanted: readonly { device: DeviceId; release: DesiredRelease | undefined }[]): Promise<void> {
    const records: LogRecord[] = wanted.map(({ device, release }) => ({
      key: deviceEventKey(device, 'release'),
      value: release ? Buffer.from(JSON.stringify(release)) : new Uint8Array(),
    }));
    if (records.length === 0) return;
    const heard = wanted.map(({ device }) => this.heard.get(deviceKey(device)));
    await this.options.log.append(logTopics.deviceEvents.name, records);
    // What is decided next need not wait for the log's tail; where that has spoken meanwhile, it knows better.
    for (const [i, { device }] of wanted.entries()) {
      if (this.heard.get(deviceKey(device)) === heard[i]) this.learnDesired(device, records[i]!.value, Infinity);
    }
  }

  /** Takes a record of `device-events`; those that it cannot read it leaves alone. */
  learn({ device, kind, value, appendedUs, offset }: DeviceEventRecord): void {
    try {
      if (kind === 'release') {
        this.heard.set(deviceKey(device), offset);
        this.learnDesired(device, value, appendedUs);
      }
      if (kind === 'release-report') this.reports.set(deviceKey(device), parseJson(value, releaseReportSchema, kind));
    } catch (error) {
      this.options.logger.warn({ device: deviceKey(device), kind, error: messageOf(error) }, 'ignored a device event');
    }
  }

  /** The broker is open. */
  async start(): Promise<void> {
    this.open = true;
    for (const { device, payload } of this.entries.values()) await this.publish(device, payload);
  }

  stop(): Promise<void> {
    this.open = false;
    return Promise.resolve();
  }

  private learnDesired(device: DeviceId, payload: Uint8Array, atUs: number): void {
    const key = deviceKey(device);
    const before = this.entries.get(key);
    // One's own record comes back by the log, and another gateway may have written the same.
    if (before && Buffer.compare(before.payload, payload) === 0) {
      const newestUs = before.atUs === Infinity ? atUs : Math.max(before.atUs, atUs);
      return void this.entries.set(key, { ...before, atUs: newestUs });
    }
    this.entries.set(key, { device, payload, atUs, ...this.read(payload) });
    if (this.open) void this.publish(device, payload);
  }

  private read(payload: Uint8Array): { id: string; version: string } | undefined {
    if (payload.byteLength === 0) return undefined;
    const { id, release } = parseJson(payload, desiredReleaseSchema, 'release');
    return { id, version: this.manifestOf(release.signed).version };
  }

  private manifestOf(signed: string): ReleaseManifest {
    const known = this.manifests.get(signed);
    if (known) return known;
    const manifest = parseJson(Buffer.from(signed, 'utf8'), releaseManifestSchema, 'release');
    if (this.manifests.size >= maxKnownManifests) this.manifests.clear();
    this.manifests.set(signed, manifest);
    return manifest;
  }

  private async publish(device: DeviceId, payload: Uint8Array): Promise<void> {
    await this.options.publish(device, payload).catch((error: unknown) => {
      const said = { device: deviceKey(device), error: messageOf(error) };
      this.options.logger.error(said, 'a desired release could not be published');
    });
  }
}
