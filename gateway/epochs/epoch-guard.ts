import { parseJson } from '#core/contract/alert.js';
import type { DeviceCommand } from '#core/contract/device-commands.js';
import { heartbeatSchema } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DeviceEventRecord } from '../desired/device-events.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';
import { PackNumbers, type LastNumber } from './pack-numbers.js';

export interface EpochGuardOptions {
  readonly publishCommand: (device: DeviceId, id: string, payload: Uint8Array) => Promise<void>;
  /**
   * Set where another broker has acknowledged a pack to its device already: takes one that may not be stored. What a device
   * says of its last number is not compared then, for it may come later than the packs behind it.
   */
  readonly setAside?: ((message: DeviceMessage, decoded: Decoded) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Yields [0, 1): for command ids. */
  readonly random: () => number;
}

type NewEpoch = Extract<DeviceCommand, { type: 'new-epoch' }>;

/** What births and heartbeats have in common, as far as it matters here. */
const lastNumberSchema = heartbeatSchema.pick({ epoch: true, lastSeq: true, session: true });
/** For the device to begin its epoch before its connection is closed. */
const obeyMs = 2000;
/** A device that says the same again is told again after this. */
const againMs = 5000;
const idPrefix = 'epoch-';

/**
 * Finds cards that were cloned or restored. A device whose last number is below one that was in use in its epoch is told
 * to begin a new one; a pack under a number that another pack has is not taken, for the store would hold it for the
 * other one: the device is told, keeps it, and brings it under a new number.
 */
export class EpochGuard implements Part {
  private readonly numbers = new PackNumbers();
  private readonly told = new Map<string, number>();
  private ending = new AbortController();

  constructor(private readonly options: EpochGuardOptions) {}

  start(): Promise<void> {
    if (this.ending.signal.aborted) this.ending = new AbortController();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.ending.abort();
    return Promise.resolve();
  }

  /** A record of `device-events`, from before this start or by way of another gateway. */
  learn({ device, kind, value }: DeviceEventRecord): void {
    if ((kind !== 'birth' && kind !== 'heartbeat') || value.byteLength === 0) return;
    try {
      const { epoch, lastSeq, session } = parseJson(value, lastNumberSchema, kind);
      this.numbers.learn(deviceKey(device), epoch, lastSeq);
      if (kind === 'birth') this.numbers.learnSession(deviceKey(device), epoch, session);
    } catch (error) {
      this.options.logger.warn({ device: deviceKey(device), kind, error: messageOf(error) }, 'ignored a device event');
    }
  }

  /** Whether the message may go on. One that may not is settled here, once its device had time to obey. */
  passes(message: DeviceMessage, decoded: Decoded): boolean {
    const { topic, payload, settle } = message;
    const { number, outbox } = decoded;
    const { setAside, clock } = this.options;
    if (outbox && !setAside) this.compare(topic, outbox);
    const order = number && this.judge(topic, number, payload);
    if (!order) return true;
    this.tell(topic, order);
    if (setAside) setAside(message, decoded);
    else {
      void clock.sleep(obeyMs, this.ending.signal).then(() => {
        settle(this.ending.signal.aborted ? 'returned' : 'refused');
      });
    }
    return false;
  }

  /** What a device must be told because of this pack; undefined if the pack may be stored. */
  private judge(topic: DeviceId, number: NonNullable<Decoded['number']>, payload: Uint8Array): NewEpoch | undefined {
    const { epoch, seq } = number;
    const device = deviceKey(topic);
    // Whatever it brings under a number that was in use, another pack may have had.
    if (this.numbers.isDisputed(device, epoch)) return this.order(topic, number);
    if (this.numbers.note(device, epoch, seq, payload)) return undefined;
    return { ...this.order(topic, number), conflict: { seq, crc32: this.numbers.sumOf(device, epoch, seq) } };
  }

  private compare(topic: DeviceId, said: LastNumber): void {
    const device = deviceKey(topic);
    this.numbers.compare(device, said);
    if (this.numbers.isDisputed(device, said.epoch)) this.tell(topic, this.order(topic, said));
  }

  private order(device: DeviceId, { epoch }: { readonly epoch: string }): NewEpoch {
    const key = deviceKey(device);
    const session = this.numbers.session(key, epoch);
    return { type: 'new-epoch', epoch, seen: this.numbers.highest(key, epoch), ...(session && { session }) };
  }

  private tell(device: DeviceId, command: NewEpoch): void {
    const { clock, logger, publishCommand } = this.options;
    const key = `${deviceKey(device)} ${command.epoch}`;
    const nowMs = clock.monotonicMs();
    for (const [other, atMs] of this.told) if (nowMs - atMs >= againMs) this.told.delete(other);
    if (this.told.has(key)) return;
    this.told.set(key, nowMs);
    const { epoch, seen, conflict } = command;
    const fields = { device: deviceKey(device), epoch, seen, ...(conflict && { seq: conflict.seq }) };
    logger.error(fields, 'numbers of this epoch are in use elsewhere, a card was cloned or restored: a new epoch');
    publishCommand(device, this.newId(), Buffer.from(JSON.stringify(command))).catch((error: unknown) => {
      logger.warn({ ...fields, error: messageOf(error) }, 'the device could not be told; it will be when it is back');
      this.told.delete(key);
    });
  }

  private newId(): string {
    const digits = Array.from({ length: 16 }, () => Math.floor(this.options.random() * 16).toString(16));
    return `${idPrefix}${digits.join('')}`;
  }
}

/** Whether a command with this id is one of the guard's own. */
export function isEpochCommand(id: string): boolean {
  return id.startsWith(idPrefix);
}
