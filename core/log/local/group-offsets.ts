import { LevelFile, type OpenLevel } from './level-file.js';
import { offsetKey, readOffset } from './record-codec.js';

const prefix = 'g\0';
const name = (group: string, topic: string): string => `${group}\0${topic}`;

/** The committed offsets of the groups: the offset that each will read next. Durable when `commit` resolves. */
export class GroupOffsets {
  private readonly committed = new Map<string, number>();
  private waiting = new Map<string, number>();
  private writing: Promise<void> | undefined;
  private readonly file: LevelFile;

  constructor(location: string, openLevel: OpenLevel) {
    this.file = new LevelFile(location, openLevel);
  }

  /** Also holds the log's directory for this process: throws FatalError `locked`. */
  async open(): Promise<void> {
    const range = { gte: Buffer.from(prefix), lt: Buffer.from('g\x01') };
    for (const [key, value] of await this.file.use((level) => level.iterator(range).all())) {
      this.committed.set(key.toString('utf8', prefix.length), readOffset(value));
    }
  }

  get(group: string, topic: string): number | undefined {
    return this.committed.get(name(group, topic));
  }

  /** The lowest offset that a group of this topic still needs; undefined if it has no groups. */
  lowest(topic: string): number | undefined {
    let lowest: number | undefined;
    for (const [key, offset] of this.committed) {
      if (key.endsWith(`\0${topic}`) && offset < (lowest ?? Infinity)) lowest = offset;
    }
    return lowest;
  }

  /** Concurrent commits share a write. Throws RetryableError, and then the offset may or may not be stored. */
  async commit(group: string, topic: string, offset: number): Promise<void> {
    this.waiting.set(name(group, topic), offset);
    const before = this.writing?.catch(() => undefined) ?? Promise.resolve();
    const flush = before.then(() => this.flush());
    this.writing = flush;
    await flush;
  }

  async close(): Promise<void> {
    await this.writing?.catch(() => undefined);
    await this.file.close();
  }

  private async flush(): Promise<void> {
    const taken = this.waiting;
    if (taken.size === 0) return;
    this.waiting = new Map();
    const changes = [...taken].map(([key, offset]) => ({ key: Buffer.from(prefix + key), value: offsetKey(offset) }));
    await this.file.write(changes).catch((error: unknown) => {
      // Others wait for what was taken here; their own turn writes it.
      this.waiting = new Map([...taken, ...this.waiting]);
      throw error;
    });
    for (const [key, offset] of taken) this.committed.set(key, offset);
  }
}
