import type { Admin } from 'kafkajs';

/** Records between a group's committed offsets and the ends of the partitions; all that are kept where it has none. */
export async function groupLag(admin: Admin, groupId: string, topics: readonly string[]): Promise<number> {
  if (topics.length === 0) return 0;
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  const lags = await Promise.all(
    committed.map(async ({ topic, partitions }) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const next = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return ends.reduce((sum, { partition, high, low }) => {
        const offset = next.get(partition) ?? -1;
        return sum + Number(high) - (offset < 0 ? Number(low) : offset);
      }, 0);
    }),
  );
  return lags.reduce((sum, lag) => sum + lag, 0);
}
