import type { Broker, KafkaMessage } from 'kafkajs';
import type { StoredRecord } from '../log.js';
import { storedRecord } from './stored-record.js';

/** Where a reader is in one partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  position: number;
  /** What stood in the partition when the reader began. */
  readonly end: number;
}

export interface FetchLimits {
  /** Compressed. */
  readonly maxFetchBytes: number;
  readonly maxFetchBytesPerPartition: number;
}

/** New records of one place, and where to read on once they were handed out. */
export interface Fetched {
  readonly place: Place;
  readonly records: readonly StoredRecord[];
  readonly next: number;
}

type Message = KafkaMessage & {
  readonly isControlRecord?: boolean;
  readonly batchContext?: { readonly firstOffset: string; readonly lastOffsetDelta: number };
};

interface FetchedPartition {
  readonly partition: number;
  readonly highWatermark: string;
  readonly messages: readonly Message[];
}

/** What kafkajs answers; its types say `any`. */
interface Answer {
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
}

const maxWaitMs = 500;

/** Asks one broker for what comes next in these places; waits for half a second if there is nothing. */
export async function fetchNext(broker: Broker, places: readonly Place[], limits: FetchLimits): Promise<Fetched[]> {
  const answer = (await broker.fetch({
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes: limits.maxFetchBytes,
    isolationLevel: 0,
    topics: places.map(({ topic, partition, position }) => ({
      topic,
      partitions: [{ partition, fetchOffset: String(position), maxBytes: limits.maxFetchBytesPerPartition }],
    })),
  })) as Answer;
  const found = answer.responses.flatMap(({ topicName, partitions }) =>
    partitions.map((partition) => ({ topicName, ...partition })),
  );
  const isEmpty = found.every(({ messages }) => messages.length === 0);
  return found.flatMap(({ topicName, ...fetched }) => {
    const place = places.find(({ topic, partition }) => topic === topicName && partition === fetched.partition);
    return place ? [newRecords(place, fetched, isEmpty)] : [];
  });
}

function newRecords(place: Place, { messages, highWatermark }: FetchedPartition, isEmpty: boolean): Fetched {
  const last = messages.at(-1);
  // An answer without any record says that there is none up to the end: compaction took what was there. One with some
  // says nothing about the places that it left out, because an answer has a limit of bytes.
  if (!last)
    return { place, records: [], next: isEmpty ? Math.max(place.position, Number(highWatermark)) : place.position };
  // Brokers answer with whole batches, which may begin before the position and end behind their last record.
  const isNew = ({ offset, isControlRecord }: Message): boolean => Number(offset) >= place.position && !isControlRecord;
  const { firstOffset, lastOffsetDelta } = last.batchContext ?? { firstOffset: last.offset, lastOffsetDelta: 0 };
  const next = Math.max(place.position, Number(last.offset) + 1, Number(firstOffset) + lastOffsetDelta + 1);
  return { place, records: messages.filter(isNew).map(storedRecord), next };
}
