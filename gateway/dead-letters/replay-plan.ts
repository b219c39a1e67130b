import { createHash } from 'node:crypto';
import { ContractError } from '#core/contract/contract-error.js';
import { cutHeader, letterPosition, logSource, partHeader } from '#core/contract/dead-letter.js';
import { logTopics } from '#core/contract/log-topics.js';
import { isUpTopic, parseMqttTopic, type UpTopic } from '#core/contract/mqtt-topics.js';
import { decodePack, encodePack } from '#core/contract/pack.js';
import type { LogRecord, StoredRecord } from '#core/log/log.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Decoded, RecordGroup } from '../intake/decoded.js';
import type { DeviceMessage, ForeignArrival } from '../intake/message.js';
import { NewestBirths } from '../intake/newest-births.js';
import { decoders } from '../intake/registry.js';
import type { ForeignSource } from '../intake/topic-router.js';

/** What a letter becomes: what is to be appended, in this order; or why it cannot be. */
export type ReplayPlan =
  | {
      readonly groups: readonly RecordGroup[];
      readonly readings: number;
      /** A part that fails as before. */
      readonly refused?: string;
      /** To be called when all is durable. */
      readonly stored?: () => void;
    }
  | { readonly reason: string; readonly detail: string };

/** The ways that a message takes through the gateway. */
export interface ReplayWays {
  /** The source that takes a topic which is not in our contract. */
  readonly sourceOf: (topic: string) => ForeignSource | undefined;
  readonly takeForeign: (arrival: ForeignArrival) => { message: ForeignArrival; decoded: Decoded };
  /** What becomes of a decoded message of a device by what operators said of that device. */
  readonly screen: (message: DeviceMessage, decoded: Decoded) => Decoded;
}

const nothing = { groups: [], readings: 0 };

/** Decides from a letter's bytes and headers. `dry`: leaves no trace in the memory of foreign devices. */
export function planReplay(partition: number, letter: StoredRecord, ways: ReplayWays, dry: boolean): ReplayPlan {
  const { headers = {} } = letter;
  if (headers[cutHeader] !== undefined) return { reason: 'cut', detail: 'only the beginning of its bytes was kept' };
  try {
    return headers['stage'] === 'gateway' ? planOfGateway(partition, letter, ways, dry) : planOfRecord(letter);
  } catch (error) {
    return { reason: error instanceof ContractError ? error.code : 'decoder-failed', detail: messageOf(error) };
  }
}

/** A record of the log takes its way through the ingest again. */
function planOfRecord({ key, value, headers = {} }: StoredRecord): ReplayPlan {
  const place = logSource(headers['source'] ?? '');
  if (!place) return { reason: 'no-way', detail: 'its source is no place in the log' };
  if (headers[partHeader] !== undefined && headers['reason'] === 'rejected') {
    return { reason: 'part', detail: 'the store has refused single points of a pack whose number is stored' };
  }
  return { groups: [{ topic: place.topic, records: [{ key, value }] }], readings: readingsOf(place.topic, value) };
}

function readingsOf(topic: string, value: Uint8Array): number {
  if (topic !== logTopics.readings.name) return 0;
  try {
    return decodePack(value).points.length;
  } catch {
    // The ingest finds the same fault, and counts it as one.
    return 1;
  }
}

function planOfGateway(partition: number, letter: StoredRecord, ways: ReplayWays, dry: boolean): ReplayPlan {
  const source = letter.headers?.['source'] ?? '';
  const topic = parseMqttTopic(source);
  if (topic && isUpTopic(topic)) {
    const { payload, ...arrival } = arrivalOf(letter);
    const isTaken = letter.headers?.['reason'] === 'number-conflict' && topic.kind === 'data';
    const message = { topic, ...arrival };
    return planOfDevice({ ...message, payload: isTaken ? renumbered(payload) : payload }, ways);
  }
  const taker = ways.sourceOf(source);
  if (!taker) return { reason: 'no-way', detail: `no source of the configuration takes ${source}` };
  return planOfForeign(partition, letter, taker, ways, dry);
}

function arrivalOf({ value, headers = {}, appendedUs }: StoredRecord) {
  return { payload: value, receivedUs: Number(headers['receivedUs']) || appendedUs, settle: () => undefined };
}

function planOfDevice(message: DeviceMessage, { screen }: ReplayWays): ReplayPlan {
  const { kind }: { kind: UpTopic } = message.topic;
  const decoded = decoders[kind](message, new NewestBirths());
  if (kind === 'state') return stateOf(decoded);
  if (kind === 'result') return nothing;
  const screened = screen(message, decoded);
  if (screened.reason !== undefined) {
    return { reason: screened.reason, detail: screened.records[0]?.headers?.['detail'] ?? '' };
  }
  return { groups: [screened], readings: screened.readings };
}

/** A pack whose number another pack has gets one that is made from its content, the same each time. */
function renumbered(payload: Uint8Array): Uint8Array {
  const pack = decodePack(payload);
  const epoch = createHash('sha256').update('number-conflict ').update(payload).digest('hex').slice(0, 32);
  return encodePack({ ...pack, epoch, seq: 0, replaces: undefined }, pack.units);
}

/** Of what a device said of itself only what stays true: of the rest it may have said something newer since. */
function stateOf({ topic, records }: Decoded): ReplayPlan {
  const lasting = records.filter(({ key }) => ['catalogue', 'clock'].includes(key.split('/')[2] ?? ''));
  return lasting.length === 0 ? nothing : { groups: [{ topic, records: lasting }], readings: 0 };
}

function planOfForeign(
  partition: number,
  letter: StoredRecord,
  source: ForeignSource,
  { takeForeign }: ReplayWays,
  dry: boolean,
): ReplayPlan {
  const { source: topic = '', retained } = letter.headers ?? {};
  const arrival = { topic, ...arrivalOf(letter), retained: retained === 'true' };
  if (dry) {
    const { batches, refused = [] } = source.decoder.decode({ ...arrival, replayed: true });
    const readings = batches.reduce((sum, batch) => sum + batch.readings.length, 0);
    return readings === 0 && refused[0] ? refused[0] : { groups: [], readings };
  }
  const replayOf = `${logTopics.deadLetters.name}/${letterPosition(partition, letter.offset)}`;
  // In no lane of a live sender: what is announced here is not ahead of what comes there.
  const { message, decoded } = takeForeign({ ...arrival, source, sender: replayOf, replayOf });
  const refused = decoded.refused ?? [];
  const readings = decoded.readings - refused.reduce((sum, one) => sum + one.readings, 0);
  if (readings === 0 && refused[0]) return refused[0];
  const { topic: last, records } = decoded;
  const groups = [...(decoded.before ?? []), { topic: last, records }];
  return {
    // What is refused again has its letter already.
    groups: groups.filter((group) => group.topic !== logTopics.deadLetters.name && group.records.length > 0),
    readings,
    ...(refused[0] && { refused: `${refused[0].reason}: ${refused[0].detail}` }),
    stored: () => message.settle('stored'),
  };
}

/** The records with the header by which later stages know them. */
export function marked({ topic, records }: RecordGroup, header: Record<string, string>): readonly LogRecord[] {
  if (topic === logTopics.deviceEvents.name) return records;
  return records.map((record) => ({ ...record, headers: { ...record.headers, ...header } }));
}
