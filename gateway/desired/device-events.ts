import { logTopics } from '#core/contract/log-topics.js';
import { isName, type DeviceId } from '#core/contract/names.js';
import type { EventLog, StoredRecord } from '#core/log/log.js';
import { SteadyTail } from '#core/log/steady-tail.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';

/** A record of `device-events`, its key taken apart. The value is as it came; empty for one that was removed. */
export interface DeviceEventRecord {
  readonly device: DeviceId;
  readonly kind: string;
  /** What stands behind the kind in the key; see `deviceEventKey`. */
  readonly id: string;
  readonly value: Uint8Array;
  /** When the log took it, microseconds since the Unix epoch. */
  readonly appendedUs: number;
  /** Tells the order of records with one key. */
  readonly offset: number;
}

export interface DeviceEventsOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listeners: readonly ((record: DeviceEventRecord) => void)[];
  /** Hears every record, those of no device, too. */
  readonly onRecord?: (record: StoredRecord) => void;
}

/** Reads `device-events` from its beginning and follows it: what this gateway said, and what others did. */
export class DeviceEvents implements Part {
  private readonly tail: SteadyTail;
  private running = false;

  constructor({ listeners, onRecord, ...options }: DeviceEventsOptions) {
    const tell = (record: StoredRecord): void => {
      onRecord?.(record);
      const event = eventOf(record);
      if (event) for (const listener of listeners) listener(event);
    };
    const onBatch = ({ records }: { readonly records: readonly StoredRecord[] }) => records.forEach(tell);
    this.tail = new SteadyTail({ ...options, topic: logTopics.deviceEvents.name, from: 'beginning', onBatch });
  }

  /** Resolves when what stands in the log has been read: devices are let in after that. */
  async start(): Promise<void> {
    if (this.running) return;
    this.running = true;
    await this.tail.start();
  }

  async stop(deadlineMs: number): Promise<void> {
    if (!this.running) return;
    this.running = false;
    await this.tail.stop(deadlineMs);
  }
}

function eventOf({ key, value, appendedUs, offset }: StoredRecord): DeviceEventRecord | undefined {
  const [site, device, kind, id = ''] = key.split('/');
  if (!isName(site) || !isName(device) || kind === undefined) return undefined;
  return { device: { site, device }, kind, id, value, appendedUs, offset };
}
