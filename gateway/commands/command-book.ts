import { parseJson } from '#core/contract/alert.js';
import {
  commandAnswerSchema,
  commandRecordSchema,
  commandStatus,
  type CommandAnswer,
  type CommandRecord,
  type CommandStatus,
} from '#core/contract/command-record.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from '../desired/device-events.js';

/** A command with what is known of it. The log's partitions may tell the answer before the command. */
export interface CommandEntry {
  readonly device: DeviceId;
  readonly id: string;
  readonly record?: CommandRecord;
  readonly answer?: CommandAnswer;
}

/** An entry of which the log told the command. */
export type GivenCommand = CommandEntry & { readonly record: CommandRecord };

/** The commands and answers that stand in the log, by device and id. */
export class CommandBook {
  private readonly devices = new Map<string, Map<string, CommandEntry>>();

  constructor(private readonly logger: Logger) {}

  get(device: DeviceId, id: string): CommandEntry | undefined {
    return this.devices.get(deviceKey(device))?.get(id);
  }

  /** Those of a device, the newest first. */
  of(device: DeviceId): GivenCommand[] {
    const entries = [...(this.devices.get(deviceKey(device))?.values() ?? [])].filter(isGiven);
    return entries.sort((a, b) => b.record.givenUs - a.record.givenUs || (a.id < b.id ? 1 : -1));
  }

  /** Those of a device that still wait for an answer, in the order in which they were given. */
  open(device: DeviceId, nowUs: number): GivenCommand[] {
    return this.of(device)
      .filter((entry) => isOpen(entry, nowUs))
      .reverse();
  }

  *all(): Generator<CommandEntry> {
    for (const entries of this.devices.values()) yield* entries.values();
  }

  /** Takes a record of `device-events`; returns a command that was not known before. What it cannot read it leaves alone. */
  learn({ device, kind, id, value }: DeviceEventRecord): GivenCommand | undefined {
    if (kind !== 'command' && kind !== 'command-result') return undefined;
    try {
      return kind === 'command' ? this.learnCommand(device, id, value) : this.learnAnswer(device, id, value);
    } catch (error) {
      this.logger.warn({ device: deviceKey(device), kind, id, error: messageOf(error) }, 'ignored a device event');
      return undefined;
    }
  }

  private learnCommand(device: DeviceId, id: string, value: Uint8Array): GivenCommand | undefined {
    const known = this.get(device, id);
    if (value.byteLength === 0) return this.put({ device, id, ...pick(known, 'answer') });
    const record = parseJson(value, commandRecordSchema, 'command');
    const entry = { device, id, ...pick(known, 'answer'), record };
    this.put(entry);
    return known?.record ? undefined : entry;
  }

  private learnAnswer(device: DeviceId, id: string, value: Uint8Array): undefined {
    const known = this.get(device, id);
    if (value.byteLength === 0) return this.put({ device, id, ...pick(known, 'record') });
    // The first answer is what happened; a device that is asked again may not remember.
    if (known?.answer) return;
    this.put({ device, id, ...pick(known, 'record'), answer: parseJson(value, commandAnswerSchema, 'command-result') });
  }

  private put(entry: CommandEntry): undefined {
    const key = deviceKey(entry.device);
    const entries = this.devices.get(key) ?? new Map<string, CommandEntry>();
    if (entry.record || entry.answer) entries.set(entry.id, entry);
    else entries.delete(entry.id);
    if (entries.size > 0) this.devices.set(key, entries);
    else this.devices.delete(key);
  }
}

export function isGiven(entry: CommandEntry | undefined): entry is GivenCommand {
  return entry?.record !== undefined;
}

export function statusOf({ record, answer }: GivenCommand, nowUs: number): CommandStatus {
  return commandStatus(record, answer, nowUs);
}

export function isOpen(entry: GivenCommand, nowUs: number): boolean {
  const status = statusOf(entry, nowUs);
  return status === 'pending' || status === 'sent';
}

function pick<Name extends 'record' | 'answer'>(entry: CommandEntry | undefined, name: Name) {
  return (entry?.[name] === undefined ? {} : { [name]: entry[name] }) as Pick<CommandEntry, Name>;
}
