import kafkajs, { type Admin } from 'kafkajs';

const admins = new Map<string, Promise<Admin>>();

/** Records that ever came into a topic: the sum of the ends of its partitions. */
export async function topicLength(brokers: readonly string[], topic: string): Promise<number> {
  const ends = await (await adminOf(brokers)).fetchTopicOffsets(topic);
  return ends.reduce((sum, { high }) => sum + Number(high), 0);
}

/** Makes a topic with the settings of `sensor-readings`. */
export async function makeTopic(brokers: readonly string[], topic: string, partitions: number): Promise<void> {
  const configEntries = [
    { name: 'compression.type', value: 'lz4' },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ];
  const topics = [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }];
  await (await adminOf(brokers)).createTopics({ topics, waitForLeaders: true });
}

export async function closeAdmins(): Promise<void> {
  for (const admin of admins.values()) await (await admin).disconnect();
  admins.clear();
}

function adminOf(brokers: readonly string[]): Promise<Admin> {
  const name = brokers.join(',');
  const known = admins.get(name) ?? connected(brokers);
  admins.set(name, known);
  return known;
}

async function connected(brokers: readonly string[]): Promise<Admin> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  return admin;
}
