import type { Broker, CompressionTypes, Message } from 'kafkajs';

export interface ProduceTopic {
  readonly topic: string;
  readonly partitions: { readonly partition: number; readonly messages: Message[] }[];
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

type MakeRequest = (args: unknown) => { readonly response: { parse(data: unknown): Promise<unknown> } };

/** The part of kafkajs's broker that its types leave out: it makes the requests of an API, by the API's key. */
interface MakesRequests {
  lookupRequest: ((apiKey: number, definition: unknown) => MakeRequest) & { readonly isTelling?: true };
}

const produceKey = 0;

/** Sends one request, with acks=all, and tells what became of each partition. Throws if that is not known. */
export async function produce(broker: Broker, request: ProduceRequest): Promise<ProduceResult[]> {
  if (!broker.isConnected()) await broker.connect();
  tellEveryResult(broker as unknown as MakesRequests);
  const answer = (await broker.produce({ ...request, acks: -1 })) as Answer;
  return answer.topics.flatMap(({ topicName: topic, partitions }) =>
    partitions.map(({ partition, errorCode }) => {
      return { topic, partition, error: errorCode === 0 ? undefined : new ProduceError(topic, partition, errorCode) };
    }),
  );
}

/**
 * kafkajs throws the error of one partition as if nothing of the request was written, and then all of it would be
 * written again. Its answer has a step of its own for that, which is left out here.
 */
function tellEveryResult(broker: MakesRequests): void {
  const lookup = broker.lookupRequest;
  // A broker that connects anew gets a new one.
  if (lookup.isTelling) return;
  const telling = (apiKey: number, definition: unknown): MakeRequest => {
    const make = lookup(apiKey, definition);
    if (apiKey !== produceKey) return make;
    return (args) => {
      const made = make(args);
      return { ...made, response: { ...made.response, parse: (data) => Promise.resolve(data) } };
    };
  };
  broker.lookupRequest = Object.assign(telling, { isTelling: true as const });
}
