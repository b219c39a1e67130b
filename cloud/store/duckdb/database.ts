import { resolve } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { lockedError, openError } from './duckdb-errors.js';
import { Reader } from './reader.js';
import { ReaderPool, ScanReaders } from './reader-pool.js';
import { ensureSchema } from './schema.js';

export interface DatabaseOptions {
  readonly file: string;
  /** What DuckDB may use for its buffers; what is more goes to `<file>.tmp`. */
  readonly memoryLimitMb: number;
  readonly threads: number;
  /** The write-ahead log is folded into the file when it has grown to this. */
  readonly checkpointMb: number;
}

/**
 * DuckDB's lock is the operating system's, which knows processes only: a second instance in this process would get
 * the file too, and on closing it would release the lock of the first.
 */
const openFiles = new Set<string>();

/** An open file: one connection that writes, and others that read. */
export class Database {
  private constructor(
    readonly file: string,
    private readonly instance: DuckDBInstance,
    readonly writer: DuckDBConnection,
    /** For short reads: charts and lists. */
    readonly readers: ReaderPool,
    /** For long reads: exports and reports. */
    readonly scanners: ScanReaders,
    /** For computing rollups. */
    readonly computer: Reader,
  ) {}

  /** Throws FatalError `locked`, `bad-data-format`, `corrupt` or `bad-config`, or RetryableError. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const file = resolve(options.file);
    if (openFiles.has(file)) throw lockedError(file, undefined);
    openFiles.add(file);
    let instance: DuckDBInstance | undefined;
    try {
      instance = await DuckDBInstance.create(file, settings(options));
      return await Database.connect(file, instance);
    } catch (error) {
      instance?.closeSync();
      openFiles.delete(file);
      throw openError(error, file);
    }
  }

  private static async connect(file: string, instance: DuckDBInstance): Promise<Database> {
    const reader = async () => new Reader(await instance.connect());
    const writer = await instance.connect();
    await ensureSchema(writer, file);
    const readers = new ReaderPool([await reader(), await reader()]);
    return new Database(file, instance, writer, readers, new ScanReaders(reader), await reader());
  }

  /** Makes the running write end with an error. */
  interrupt(): void {
    this.writer.interrupt();
  }

  /** Ends all reading and closes the file. Nobody may be writing. */
  async close(): Promise<void> {
    await Promise.all([this.readers.close(), this.scanners.close(), this.computer.close()]);
    this.writer.disconnectSync();
    this.instance.closeSync();
    openFiles.delete(this.file);
  }
}

function settings({ memoryLimitMb, threads, checkpointMb }: DatabaseOptions): Record<string, string> {
  return {
    memory_limit: `${memoryLimitMb}MB`,
    threads: String(threads),
    checkpoint_threshold: `${checkpointMb}MB`,
    // Nothing is fetched from the network behind the user's back.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
}
