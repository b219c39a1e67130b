import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur2, partitionOf } from '../../../core/log/kafka/partition-of.js';
import { kafkajsMurmur2 } from './kafka-harness.js';

// org.apache.kafka.common.utils.UtilsTest.testMurmur2
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('%s has the hash that Apache Kafka gives it', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('every key has the hash that kafkajs gives it, and a partition that exists', () => {
  const theirs = kafkajsMurmur2();
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (key, partitions) => {
      expect(murmur2(Buffer.from(key))).toBe(theirs(Buffer.from(key)));
      const partition = partitionOf(key, partitions);
      expect(partition >= 0 && partition < partitions).toBe(true);
    }),
  );
});
