import type { CommandRecord } from '#core/contract/command-record.js';
import type { DeviceCommand } from '#core/contract/device-commands.js';
import { deviceEventKey, type DeviceEventKind } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from '../desired/device-events.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';
import { CommandBook, isGiven, isOpen, type CommandEntry, type GivenCommand } from './command-book.js';

export interface CommandsOptions {
  readonly log: EventLog;
  /** Sends to a device that is connected here; throws RetryableError `unavailable` if it is not. */
  readonly publish: (device: DeviceId, id: string, payload: Uint8Array) => Promise<void>;
  /** Under which name the hardware of a device speaks now, and whose hardware speaks under a name. Default: its own. */
  readonly names?: { spokenOf(device: DeviceId): DeviceId; ownerOf(spoken: DeviceId): DeviceId };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Yields [0, 1): for ids, and so that several gateways do not all clean up at once. */
  readonly random: () => number;
  /** How long a command without an expiry of its own is sent, and how long all are kept after that. */
  readonly keepMs: number;
}

const sweepMs = 30_000;
/** A device that read a command and did not answer is told again after this; it obeys once. */
const againMs = 60_000;
/** A device says its birth this long after it began to read, at most. */
const comingMs = 10_000;
/** Of one device: those that wait for an answer, and all that are kept. */
export const maxOpen = 64;
const maxKept = 256;

/**
 * Commands to devices. They stand in the log, so every gateway knows them: the one to which the device is connected sends
 * them, and again whenever the device begins to read its commands, until an answer came or their time is over.
 */
export class Commands implements Part {
  private readonly book: CommandBook;
  /** Devices that read their commands here, by the name under which they speak. */
  private readonly readers = new Set<string>();
  private readonly sentMs = new Map<string, number>();
  private ending = new AbortController();
  private sweeping: Promise<void> | undefined;

  constructor(private readonly options: CommandsOptions) {
    this.book = new CommandBook(options.logger);
  }

  /** The broker is open. */
  start(): Promise<void> {
    if (this.ending.signal.aborted) this.ending = new AbortController();
    this.sweeping ??= this.sweepOften(this.ending.signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.ending.abort();
    this.readers.clear();
    await this.sweeping;
    this.sweeping = undefined;
  }

  get(device: DeviceId, id: string): GivenCommand | undefined {
    const entry = this.book.get(device, id);
    return isGiven(entry) ? entry : undefined;
  }

  /** The newest first. */
  of(device: DeviceId): GivenCommand[] {
    return this.book.of(device);
  }

  /**
   * Gives a command; resolves with its id when the log has it. Throws what the log throws, and RetryableError
   * `over-budget` while {@link maxOpen} commands of the device wait for an answer.
   */
  async give(device: DeviceId, command: DeviceCommand, by: string): Promise<GivenCommand> {
    const { clock, keepMs } = this.options;
    const givenUs = clock.nowUs();
    if (this.book.open(device, givenUs).length >= maxOpen) {
      throw new RetryableError('over-budget', `${maxOpen} commands of ${deviceKey(device)} wait for an answer already`);
    }
    const untilUs = Math.min(command.expiresUs ?? Infinity, givenUs + Math.round(keepMs * 1000));
    const record: CommandRecord = { type: 'command', command, givenUs, by, untilUs };
    const id = this.newId();
    await this.append([recordOf(device, 'command', id, record)]);
    return { device, id, record };
  }

  /** Takes a command back, with its answer if there is one. A device that has it already obeys all the same. */
  async withdraw(device: DeviceId, id: string): Promise<void> {
    // In this order: a command that lost its answer would be sent again.
    await this.append([recordOf(device, 'command', id)]);
    if (this.book.get(device, id)?.answer) await this.append([recordOf(device, 'command-result', id)]);
  }

  learn(event: DeviceEventRecord): void {
    const given = this.book.learn(event);
    if (given && this.readers.has(deviceKey(this.spokenOf(given.device)))) void this.send(given);
  }

  /** A device has begun to read its commands here. */
  reads(spoken: DeviceId): void {
    this.readers.add(deviceKey(spoken));
    this.sendOpen(spoken, 0);
  }

  /** A device has come, by way of a broker that does not tell when it began to read. */
  came(spoken: DeviceId): void {
    this.readers.add(deviceKey(spoken));
    this.sendOpen(spoken, comingMs);
  }

  /** An answer becomes a record if the command is known and was not answered yet; if not, it is only counted. */
  screen({ topic }: DeviceMessage, decoded: Decoded): Decoded {
    const id = topic.kind === 'result' ? topic.id : undefined;
    if (id === undefined || decoded.kind !== 'result' || decoded.records.length === 0) return decoded;
    const owner = this.options.names?.ownerOf(topic) ?? topic;
    const entry = this.book.get(owner, id);
    if (!isGiven(entry)) return { ...decoded, kind: 'result-unasked', records: [] };
    if (entry.answer) return { ...decoded, kind: 'result-repeated', records: [] };
    const records = decoded.records.map((record) => ({ ...record, key: deviceEventKey(owner, 'command-result', id) }));
    return { ...decoded, records };
  }

  private spokenOf(device: DeviceId): DeviceId {
    return this.options.names?.spokenOf(device) ?? device;
  }

  /** Those that were not sent within `recentMs`. */
  private sendOpen(spoken: DeviceId, recentMs: number): void {
    const { clock, names } = this.options;
    const owner = names?.ownerOf(spoken) ?? spoken;
    if (deviceKey(this.spokenOf(owner)) !== deviceKey(spoken)) return;
    for (const entry of this.book.open(owner, clock.nowUs())) if (!this.wasSent(entry, recentMs)) void this.send(entry);
  }

  private wasSent(entry: CommandEntry, withinMs: number): boolean {
    return this.options.clock.monotonicMs() - (this.sentMs.get(keyOf(entry)) ?? -Infinity) < withinMs;
  }

  private async send(entry: GivenCommand): Promise<void> {
    const { clock, logger, publish } = this.options;
    const { device, id, record } = entry;
    if (this.ending.signal.aborted || !isOpen(entry, clock.nowUs())) return;
    const spoken = this.spokenOf(device);
    this.sentMs.set(keyOf(entry), clock.monotonicMs());
    try {
      await publish(spoken, id, Buffer.from(JSON.stringify(record.command)));
      if (record.sentUs === undefined) {
        await this.append([recordOf(device, 'command', id, { ...record, sentUs: clock.nowUs() })]);
      }
    } catch (error) {
      this.readers.delete(deviceKey(spoken));
      logger.debug({ device: deviceKey(device), id, error: messageOf(error) }, 'a command was not sent');
    }
  }

  private async sweepOften(ending: AbortSignal): Promise<void> {
    const { clock, logger, random } = this.options;
    while (!ending.aborted) {
      await clock.sleep(sweepMs * (0.75 + random() / 2), ending);
      if (ending.aborted) return;
      this.sendAgain();
      await this.removeOld(ending).catch((error: unknown) => {
        logger.warn({ error: messageOf(error) }, 'old commands could not be removed from the log');
      });
    }
  }

  private sendAgain(): void {
    const nowUs = this.options.clock.nowUs();
    for (const entry of this.book.all()) {
      if (!isGiven(entry) || !isOpen(entry, nowUs) || this.wasSent(entry, againMs)) continue;
      if (this.readers.has(deviceKey(this.spokenOf(entry.device)))) void this.send(entry);
    }
  }

  /** Removes what is long over, and the oldest that are over of a device that has too many. */
  async removeOld(ending?: AbortSignal): Promise<void> {
    const nowUs = this.options.clock.nowUs();
    const old = [...this.book.all()].filter((entry) => this.isOld(entry, nowUs));
    const devices = new Map([...this.book.all()].map(({ device }) => [deviceKey(device), device]));
    for (const device of devices.values()) {
      const beyond = this.book.of(device).slice(maxKept);
      old.push(...beyond.filter((entry) => !isOpen(entry, nowUs)));
    }
    for (const { device, id } of new Set(old)) {
      if (ending?.aborted) return;
      await this.withdraw(device, id);
      this.sentMs.delete(keyOf({ device, id }));
    }
  }

  private isOld({ record, answer }: CommandEntry, nowUs: number): boolean {
    // An answer may come before its command, and outlive it.
    const endUs = record?.untilUs ?? answer?.receivedUs ?? 0;
    return nowUs > endUs + this.options.keepMs * 1000;
  }

  private append(records: readonly LogRecord[]): Promise<void> {
    return this.options.log.append(logTopics.deviceEvents.name, records);
  }

  private newId(): string {
    const digits = Array.from({ length: 16 }, () => Math.floor(this.options.random() * 16).toString(16));
    return `cmd-${digits.join('')}`;
  }
}

function keyOf({ device, id }: Pick<CommandEntry, 'device' | 'id'>): string {
  return `${deviceKey(device)}/${id}`;
}

/** Without a body it removes what stands under the key. */
function recordOf(device: DeviceId, kind: DeviceEventKind, id: string, body?: object): LogRecord {
  const value = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
  return { key: deviceEventKey(device, kind, id), value };
}
