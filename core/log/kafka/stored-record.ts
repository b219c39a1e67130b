import type { KafkaMessage } from 'kafkajs';
import type { StoredRecord } from '../log.js';

/** A message as kafkajs decodes it, in the log's terms. A tombstone has an empty value. */
export function storedRecord(message: KafkaMessage): StoredRecord {
  const headers = Object.fromEntries(
    Object.entries(message.headers ?? {}).map(([name, value]) => [
      name,
      String(Array.isArray(value) ? value.at(-1) : value),
    ]),
  );
  const record = {
    key: String(message.key ?? ''),
    value: message.value ?? Buffer.alloc(0),
    offset: Number(message.offset),
    appendedUs: Number(message.timestamp) * 1000,
  };
  return Object.keys(headers).length === 0 ? record : { ...record, headers };
}
