import { logTopics } from '../../core/contract/log-topics.js';
import { decodePack } from '../../core/contract/pack.js';
import { KafkaLog } from '../../core/log/kafka-log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { silentLogger } from '../../core/runtime/logger.js';

/** The pack numbers of each device as they stand in Kafka, with repetitions. */
export async function packsInKafka(brokers: readonly string[]): Promise<Map<string, number[]>> {
  const log = new KafkaLog({ brokers: [...brokers], clientId: 'reader', clock: systemClock, logger: silentLogger });
  await log.start();
  const seqs = new Map<string, number[]>();
  const tail = await log.tail({
    topics: [logTopics.readings.name],
    from: 'beginning',
    onBatch: ({ records }) => {
      for (const { key, value } of records) seqs.set(key, [...(seqs.get(key) ?? []), decodePack(value).seq]);
    },
  });
  await tail.caughtUp;
  await tail.stop(1000);
  await log.stop(1000);
  return seqs;
}
