import type { Broker, CompressionTypes } from 'kafkajs';
import type { LogRecord } from '../log.js';
import { lz4 } from './lz4.js';
import { type BatchCodec, encodeBatch } from './record-batch.js';

export interface ProduceTopic {
  readonly topic: string;
  readonly partitions: { readonly partition: number; readonly records: readonly LogRecord[] }[];
}

export interface ProduceRequest {
  readonly topicData: ProduceTopic[];
  readonly compression: CompressionTypes;
  /** How long the broker waits for its replicas, in milliseconds. */
  readonly timeout: number;
}

/** What became of the batch of one partition. */
export interface ProduceResult {
  readonly topic: string;
  readonly partition: number;
  /** Undefined for a batch that all replicas in sync have written. */
  readonly error: ProduceError | undefined;
}

/** The broker has not acknowledged a batch, and says why. */
export class ProduceError extends Error {
  override readonly name = 'ProduceError';

  constructor(
    topic: string,
    partition: number,
    /** https://kafka.apache.org/protocol#protocol_error_codes */
    readonly errorCode: number,
  ) {
    super(`the broker answers ${names[errorCode] ?? `error ${errorCode}`} for ${topic}/${partition}`);
  }
}

const names: Readonly<Record<number, string>> = {
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  10: 'MESSAGE_TOO_LARGE',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  32: 'INVALID_TIMESTAMP',
  56: 'KAFKA_STORAGE_ERROR',
  87: 'INVALID_RECORD',
};

/** Why the broker will never take a batch, which it finds out before it writes any of it; else undefined. */
export function refusal({ errorCode }: ProduceError): 'too-large' | 'refused' | undefined {
  if (errorCode === 10 || errorCode === 18) return 'too-large';
  return errorCode === 32 || errorCode === 87 ? 'refused' : undefined;
}

interface Answer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[];
  }[];
}

type MakeRequest = (args: unknown) => {
  readonly request: { encode(): Promise<EncodedRequest> };
  readonly response: { parse(data: unknown): Promise<unknown> };
};

/** What kafkajs takes for one of its encoders. */
interface EncodedRequest {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/** The part of kafkajs's broker that its types leave out: it makes the requests of an API, by the API's key. */
interface MakesRequests {
  lookupRequest: ((apiKey: number, definition: unknown) => MakeRequest) & { readonly isTelling?: true };
}

const produceKey = 0;

/** Sends one request, with acks=all, and tells what became of each partition. Throws if that is not known. */
export async function produce(broker: Broker, request: ProduceRequest): Promise<ProduceResult[]> {
  if (!broker.isConnected()) await broker.connect();
  ownProduce(broker as unknown as MakesRequests);
  const answer = (await broker.produce({ ...request, acks: -1 } as unknown as Parameters<
    Broker['produce']
  >[0])) as Answer;
  return answer.topics.flatMap(({ topicName: topic, partitions }) =>
    partitions.map(({ partition, errorCode }) => {
      return { topic, partition, error: errorCode === 0 ? undefined : new ProduceError(topic, partition, errorCode) };
    }),
  );
}

/**
 * Two steps of kafkajs are replaced. It throws the error of one partition as if nothing of the request was written, and
 * then all of it would be written again: that step is left out. And its encoder makes several objects of each field of
 * each record, which was more work than all else that the gateway does with a message.
 */
function ownProduce(broker: MakesRequests): void {
  const lookup = broker.lookupRequest;
  // A broker that connects anew gets a new one.
  if (lookup.isTelling) return;
  const telling = (apiKey: number, definition: unknown): MakeRequest => {
    const make = lookup(apiKey, definition);
    if (apiKey !== produceKey) return make;
    return (args) => {
      const { request, response } = make(args);
      const encode = () => encodeProduce(args as ProduceRequest);
      return { request: { ...request, encode }, response: { ...response, parse: (data) => Promise.resolve(data) } };
    };
  };
  broker.lookupRequest = Object.assign(telling, { isTelling: true as const });
}

const plain: BatchCodec = { attribute: 0, compress: (records) => records };

/** Of version 3 to 8, which are the same: transactional_id acks timeout [topic [partition records]]. */
async function encodeProduce({ topicData, compression, timeout }: ProduceRequest): Promise<EncodedRequest> {
  const codec = (compression as number) === lz4.attribute ? lz4 : plain;
  const nowMs = Date.now();
  const parts: Buffer[] = [];
  // No transaction, all replicas in sync.
  const head = Buffer.from('ffffffff0000000000000000', 'hex');
  head.writeInt32BE(timeout, 4);
  head.writeInt32BE(topicData.length, 8);
  parts.push(head);
  for (const { topic, partitions } of topicData) {
    const name = Buffer.from(topic);
    parts.push(int16(name.length), name, int32(partitions.length));
    for (const { partition, records } of partitions) {
      const batch = await encodeBatch(records, codec, nowMs);
      parts.push(int32(partition), int32(batch.length), batch);
    }
  }
  const buffer = Buffer.concat(parts);
  return { buf: buffer, buffer };
}

function int16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255);
}

function int32(value: number): Buffer {
  return Buffer.of(value >>> 24, value >>> 16, value >>> 8, value);
}
