/** The partition of a key among `partitions`: that of every Kafka client in its default setting. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fff_ffff) % partitions;
}

const remembered = 50_000;

/** {@link partitionOf} for keys that come again and again. */
export class KnownPartitions {
  private readonly known = new Map<string, number>();

  constructor(readonly partitions: number) {}

  of(key: string): number {
    let partition = this.known.get(key);
    if (partition !== undefined) return partition;
    partition = partitionOf(key, this.partitions);
    if (this.known.size >= remembered) this.known.clear();
    this.known.set(key, partition);
    return partition;
  }
}

/** MurmurHash2 with Kafka's seed, as a 32-bit integer with sign; `org.apache.kafka.common.utils.Utils.murmur2`. */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1_e995;
  const { length } = data;
  const whole = length & ~3;
  let h = 0x9747_b28c ^ length;
  for (let i = 0; i < whole; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    k = Math.imul(k, m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  let tail = 0;
  for (let i = length - 1; i >= whole; i -= 1) tail = (tail << 8) | data[i]!;
  if (length > whole) h = Math.imul(h ^ tail, m);
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
}
