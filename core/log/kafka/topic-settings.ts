import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import type { TopicSpec } from '../../contract/log-topics.js';
import { FatalError } from '../../runtime/errors.js';
import { maxRecordBytes } from '../record-limits.js';

const hourMs = 3_600_000;
/** What a batch of one record needs beside the record, lz4 of what cannot be compressed included. */
const batchOverheadBytes = 65_536;

/** Creates the topics that are missing; resolves with what is wrong with those that were there. */
export async function createTopics(
  admin: Admin,
  specs: readonly TopicSpec[],
  replication: number,
): Promise<FatalError[]> {
  const present = new Set(await admin.listTopics());
  const missing = specs.filter(({ name }) => !present.has(name));
  if (missing.length > 0) {
    await admin.createTopics({ waitForLeaders: true, topics: missing.map((spec) => topicConfig(spec, replication)) });
  }
  const there = specs.filter(({ name }) => present.has(name));
  return there.length > 0 ? differences(admin, there, replication) : [];
}

function topicConfig(spec: TopicSpec, replicationFactor: number): ITopicConfig {
  const configEntries = Object.entries(settings(spec, replicationFactor)).map(([name, value]) => ({ name, value }));
  return { topic: spec.name, numPartitions: spec.partitions, replicationFactor, configEntries };
}

function settings(spec: TopicSpec, replication: number): Record<string, string> {
  const { retentionHours } = spec;
  return {
    ...(retentionHours === undefined
      ? { 'cleanup.policy': 'compact' }
      : { 'cleanup.policy': 'delete', 'retention.ms': String(retentionHours * hourMs) }),
    'compression.type': spec.compression === 'lz4' ? 'lz4' : 'uncompressed',
    // With the sensor's time as record time a broker refuses whole batches, or deletes them at once.
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(maxRecordBytes + batchOverheadBytes),
    ...(replication >= 3 && { 'min.insync.replicas': '2' }),
  };
}

async function differences(admin: Admin, specs: readonly TopicSpec[], replication: number): Promise<FatalError[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map(({ name }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  });
  return specs.flatMap((spec) => {
    const partitions = topics.find(({ name }) => name === spec.name)?.partitions.length ?? 0;
    const entries = resources.find(({ resourceName }) => resourceName === spec.name)?.configEntries ?? [];
    const found = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
    const wrong = Object.entries(settings(spec, replication))
      .filter(([name, value]) => !isAsWanted(name, found.get(name), value))
      .map(([name, value]) => `${name}=${found.get(name)} instead of ${value}`);
    if (partitions !== spec.partitions) wrong.push(`${partitions} partitions instead of ${spec.partitions}`);
    return wrong.length === 0 ? [] : [differs(spec.name, wrong)];
  });
}

function isAsWanted(name: string, found: string | undefined, wanted: string): boolean {
  const mayBeMore = name === 'max.message.bytes' || name === 'min.insync.replicas';
  return mayBeMore ? Number(found) >= Number(wanted) : found === wanted;
}

function differs(topic: string, wrong: readonly string[]): FatalError {
  return new FatalError('bad-config', `Kafka topic ${topic} has ${wrong.join(', ')}; it is left so`);
}
