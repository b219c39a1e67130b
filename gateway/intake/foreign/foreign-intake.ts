import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { LogRecord } from '#core/log/log.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { deadLetter } from '../dead-letter.js';
import type { Decoded, RecordGroup } from '../decoded.js';
import { laneOf, type ForeignArrival, type Outcome } from '../message.js';
import type { ForeignBatch, ForeignDecoded, ForeignReply } from './foreign.js';
import type { MadePacks, MessageOrigin, PackMaker } from './pack-maker.js';
import { isKept, type RefusedReadings, type RefusedReason } from './refused.js';
import { Repetitions } from './repetitions.js';

/** Which devices the operators know. */
export interface DeviceBook {
  /** Whether somebody adopted it. */
  has(device: DeviceId): boolean;
  isRetired?(device: DeviceId): boolean;
}

export interface ForeignIntakeOptions {
  readonly logger: Logger;
  readonly maker: PackMaker;
  /** Undefined: every device counts as adopted. */
  readonly book?: DeviceBook | undefined;
  /** Whether the device speaks our contract: then nobody else speaks for it. */
  readonly isOwn: (device: DeviceId) => boolean;
  /** Publishes what a decoder wants said; the connection it is for may be gone. */
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
}

/** Makes of each foreign message what the relay appends for it. */
export class ForeignIntake {
  private readonly repetitions = new Repetitions();

  constructor(private readonly options: ForeignIntakeOptions) {}

  /** The message to settle, and what it became. Throws what the decoder throws. */
  take(arrival: ForeignArrival): { message: ForeignArrival; decoded: Decoded } {
    // Behind the first in the same lane, so it is acknowledged when that one is durable.
    if (this.repetitions.isRepeated(arrival)) return { message: arrival, decoded: ignored('foreign-repeated') };
    const { source, topic, payload, receivedUs, retained = false, replayOf } = arrival;
    const replayed = replayOf !== undefined;
    const decoded = source.decoder.decode({ topic, payload, receivedUs, retained, replayed });
    const origin = { lane: laneOf(arrival), type: source.type, receivedUs, retained, replayOf };
    const made = this.makePacks(arrival, decoded, origin);
    const settle = (outcome: Outcome): void => {
      if (outcome === 'stored') {
        for (const { stored } of made) stored();
        if (!replayed) for (const reply of decoded.replies ?? []) this.reply(reply);
      }
      arrival.settle(outcome);
    };
    return { message: { ...arrival, settle }, decoded: assemble(arrival, made, decoded.refused ?? []) };
  }

  private makePacks(arrival: ForeignArrival, { batches }: ForeignDecoded, origin: MessageOrigin): MadePacks[] {
    const { maker } = this.options;
    maker.beginMessage();
    return batches.map((batch) => {
      const reason = this.refuses(arrival, batch);
      // One that nobody adopted is announced all the same, so that somebody can.
      if (reason === 'own-device' || reason === 'device-retired') return refusedBatch(batch, reason);
      return maker.take(batch, origin, reason);
    });
  }

  private refuses({ source: { unknown } }: ForeignArrival, { device }: ForeignBatch): RefusedReason | undefined {
    const { book, isOwn } = this.options;
    if (isOwn(device)) return 'own-device';
    if (book?.isRetired?.(device)) return 'device-retired';
    if (unknown === 'accept' || !book || book.has(device)) return undefined;
    return unknown === 'quarantine' ? 'unknown-device' : 'rejected';
  }

  private reply({ topic, payload }: ForeignReply): void {
    this.options.publish(topic, payload).catch((error: unknown) => {
      this.options.logger.warn(
        { topic, error: messageOf(error) },
        'a reply to a foreign sender could not be published',
      );
    });
  }
}

function refusedBatch({ device, readings }: ForeignBatch, reason: RefusedReason): MadePacks {
  const refused = [{ reason, detail: deviceKey(device), readings: readings.length }];
  return { events: [], packs: [], readings: readings.length, refused, stored: () => undefined };
}

function ignored(kind: Decoded['kind']): Decoded {
  return { kind, topic: logTopics.readings.name, records: [], readings: 0 };
}

/** What all batches become together: announcements first, then what was set aside, then the packs. */
function assemble(arrival: ForeignArrival, made: readonly MadePacks[], unread: readonly RefusedReadings[]): Decoded {
  const refused = [...unread, ...made.flatMap((one) => one.refused)];
  const readings = sum(unread) + made.reduce((total, one) => total + one.readings, 0);
  const groups: RecordGroup[] = [
    { topic: logTopics.deviceEvents.name, records: made.flatMap(({ events }) => events) },
    { topic: logTopics.deadLetters.name, records: setAside(arrival, refused.filter(isKept)) },
    { topic: logTopics.readings.name, records: made.flatMap(({ packs }) => packs) },
  ].filter(({ records }) => records.length > 0);
  const last = groups.pop() ?? { topic: logTopics.readings.name, records: [] };
  return { kind: 'foreign', ...last, before: groups, readings, refused };
}

/** One dead letter for the message, by its first reason. */
function setAside(arrival: ForeignArrival, refused: readonly RefusedReadings[]): readonly LogRecord[] {
  const [first] = refused;
  if (!first) return [];
  const detail = refused.map(({ reason, readings, detail: why }) => `${reason}: ${readings} readings, ${why}`);
  return deadLetter(arrival, first.reason, detail.join('; ')).records;
}

function sum(refused: readonly RefusedReadings[]): number {
  return refused.reduce((total, { readings }) => total + readings, 0);
}
