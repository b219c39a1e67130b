import { ClassicLevel } from 'classic-level';
import { mkdir } from 'node:fs/promises';
import type { StoredRecord } from '#core/log/log.js';
import { FatalError, RetryableError, messageOf, systemCode } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';

/** A record of the log that waits for something; its identity is (topic, partition, offset). */
export interface ParkedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly record: StoredRecord;
  readonly readings: number;
}

export interface ParkingOptions {
  /** A folder of its own. */
  readonly path: string;
  /** Payload bytes held for all devices, each record counted with {@link recordOverheadBytes} more. */
  readonly maxBytes: number;
  /** The same for one device: one bad clock must not use up the room of the others. */
  readonly maxBytesPerDevice: number;
}

export interface ParkingStatus {
  readonly records: number;
  readonly readings: number;
  readonly bytes: number;
  /** Times that a record was turned away because all the room was taken. */
  readonly refusals: number;
}

/** What became of a record: `known` was parked before, and `device-full` must be set aside otherwise. */
export type ParkOutcome = 'parked' | 'known' | 'device-full';

interface Slot {
  readonly wait: string;
  readonly device: string;
  readonly readings: number;
  readonly bytes: number;
}

/** What a record costs beside its payload, on disk and in the index in memory. */
export const recordOverheadBytes = 512;

const end = '"';

/**
 * Packs that cannot be placed yet, on disk: their offsets are committed, so this is their only copy that will be read
 * again, and it has to outlive the process. Keyed by what they wait for, then topic, partition and offset.
 */
export class Parking implements Part {
  private db: ClassicLevel<string, Buffer> | undefined;
  private readonly slots = new Map<string, Slot>();
  private readonly waits = new Map<string, { records: number; readings: number }>();
  private readonly deviceBytes = new Map<string, number>();
  private totals = { records: 0, readings: 0, bytes: 0, refusals: 0 };

  constructor(private readonly options: ParkingOptions) {}

  /** Throws FatalError `locked` or `corrupt`. */
  async start(): Promise<void> {
    if (this.db) return;
    const { path } = this.options;
    await mkdir(path, { recursive: true });
    const db = new ClassicLevel<string, Buffer>(path, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
    try {
      await db.open();
    } catch (cause) {
      const locked = systemCode((cause as Error).cause) === 'LEVEL_LOCKED';
      throw locked
        ? new FatalError('locked', `${path} is in use by another process: stop it, or set another folder`, { cause })
        : new FatalError('corrupt', `cannot open ${path}: ${messageOf((cause as Error).cause ?? cause)}`, { cause });
    }
    for await (const [key, value] of db.iterator()) this.account(key, slotOf(key, value));
    this.db = db;
  }

  async stop(): Promise<void> {
    const db = this.db;
    this.db = undefined;
    this.slots.clear();
    this.waits.clear();
    this.deviceBytes.clear();
    this.totals = { ...this.totals, records: 0, readings: 0, bytes: 0 };
    await db?.close();
  }

  /**
   * Resolves when the record is on disk, synced. Throws RetryableError `over-budget` while all the room is taken and
   * `disk-full` while the disk is: the record's offset must then stay uncommitted.
   */
  async park(wait: string, device: string, parked: ParkedRecord): Promise<ParkOutcome> {
    const key = keyOf(wait, parked);
    if (this.slots.has(key)) return 'known';
    const bytes = parked.record.value.byteLength + recordOverheadBytes;
    if ((this.deviceBytes.get(device) ?? 0) + bytes > this.options.maxBytesPerDevice) return 'device-full';
    if (this.totals.bytes + bytes > this.options.maxBytes) {
      this.totals.refusals += 1;
      throw new RetryableError('over-budget', `the parking holds ${this.totals.bytes} bytes and can take no more`);
    }
    const slot = { wait, device, readings: parked.readings, bytes };
    this.account(key, slot);
    try {
      await this.open().put(key, encode(device, parked), { sync: true });
    } catch (cause) {
      this.forget(key);
      throw storageError(cause);
    }
    return 'parked';
  }

  /** What is waited for. */
  waiting(): string[] {
    return [...this.waits.keys()];
  }

  /** The records that wait for `wait`, in pages, by topic, partition and offset. */
  async *records(wait: string, pageRecords = 100): AsyncGenerator<ParkedRecord[]> {
    let page: ParkedRecord[] = [];
    for await (const [key, value] of this.open().iterator({ gt: `${wait}!`, lt: `${wait}${end}` })) {
      page.push(decode(key, value));
      if (page.length < pageRecords) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async remove(wait: string, records: readonly ParkedRecord[]): Promise<void> {
    const keys = records.map((parked) => keyOf(wait, parked)).filter((key) => this.slots.has(key));
    try {
      // Not synced: a record that comes back after a crash is a duplicate to the ledger.
      await this.open().batch(keys.map((key) => ({ type: 'del', key })));
    } catch (cause) {
      throw storageError(cause);
    }
    for (const key of keys) this.forget(key);
  }

  /**
   * Puts records under another wait, all or none: they have found one thing and lack another. Resolves when that is
   * synced. They take no more room by it.
   */
  async move(wait: string, to: string, records: readonly ParkedRecord[]): Promise<void> {
    const moves = records
      .map((parked) => ({ from: keyOf(wait, parked), to: keyOf(to, parked), parked }))
      .filter(({ from }) => this.slots.has(from));
    const operations = moves.flatMap(({ from, to, parked }) => [
      { type: 'put' as const, key: to, value: encode(this.slots.get(from)!.device, parked) },
      { type: 'del' as const, key: from },
    ]);
    try {
      await this.open().batch(operations, { sync: true });
    } catch (cause) {
      throw storageError(cause);
    }
    for (const { from, to: key } of moves) {
      const slot = this.slots.get(from)!;
      this.forget(from);
      if (!this.slots.has(key)) this.account(key, { ...slot, wait: to });
    }
  }

  status(): ParkingStatus {
    return { ...this.totals };
  }

  /** The records and readings that wait for what `kind` says yes to. */
  statusOf(kind: (wait: string) => boolean): Pick<ParkingStatus, 'records' | 'readings'> {
    const sum = { records: 0, readings: 0 };
    for (const [wait, { records, readings }] of this.waits) {
      if (!kind(wait)) continue;
      sum.records += records;
      sum.readings += readings;
    }
    return sum;
  }

  private open(): ClassicLevel<string, Buffer> {
    if (!this.db) throw new RetryableError('stopped', 'the parking is closed');
    return this.db;
  }

  private account(key: string, slot: Slot): void {
    this.slots.set(key, slot);
    this.addUp(slot, 1);
  }

  private forget(key: string): void {
    const slot = this.slots.get(key);
    if (!slot) return;
    this.slots.delete(key);
    this.addUp(slot, -1);
  }

  private addUp({ wait, device, readings, bytes }: Slot, sign: 1 | -1): void {
    this.totals.records += sign;
    this.totals.readings += sign * readings;
    this.totals.bytes += sign * bytes;
    const waiting = this.waits.get(wait) ?? { records: 0, readings: 0 };
    waiting.records += sign;
    waiting.readings += sign * readings;
    if (waiting.records === 0) this.waits.delete(wait);
    else this.waits.set(wait, waiting);
    change(this.deviceBytes, device, sign * bytes);
  }
}

function change(sums: Map<string, number>, key: string, by: number): void {
  const sum = (sums.get(key) ?? 0) + by;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}

/** `!` is in no name, and sorts before every character of one. */
function keyOf(wait: string, { topic, partition, record }: ParkedRecord): string {
  return `${wait}!${topic}!${String(partition).padStart(6, '0')}!${String(record.offset).padStart(16, '0')}`;
}

/** One line of JSON about the record, then its bytes as they came. */
function encode(device: string, { record, readings }: ParkedRecord): Buffer {
  const { key, appendedUs, headers } = record;
  return Buffer.concat([
    Buffer.from(`${JSON.stringify({ device, readings, key, appendedUs, headers })}\n`),
    record.value,
  ]);
}

interface Head {
  readonly device: string;
  readonly readings: number;
  readonly key: string;
  readonly appendedUs: number;
  readonly headers?: Record<string, string>;
}

function headOf(value: Buffer): { head: Head; body: Buffer } {
  const line = value.indexOf(0x0a);
  return { head: JSON.parse(value.toString('utf8', 0, line)) as Head, body: value.subarray(line + 1) };
}

function slotOf(key: string, value: Buffer): Slot {
  const { head, body } = headOf(value);
  return {
    wait: key.slice(0, key.indexOf('!')),
    device: head.device,
    readings: head.readings,
    bytes: body.byteLength + recordOverheadBytes,
  };
}

function decode(key: string, value: Buffer): ParkedRecord {
  const { head, body } = headOf(value);
  const [, topic, partition, offset] = key.split('!');
  const { readings, key: recordKey, appendedUs, headers } = head;
  const record = { key: recordKey, appendedUs, offset: Number(offset), value: body, ...(headers && { headers }) };
  return { topic: topic!, partition: Number(partition), record, readings };
}

function storageError(cause: unknown): Error {
  const full = /no space left/i.test(messageOf(cause)) || systemCode(cause) === 'ENOSPC';
  if (full) return new RetryableError('disk-full', 'no room on the disk of the parking', { cause });
  return cause instanceof RetryableError ? cause : new RetryableError('unavailable', messageOf(cause), { cause });
}
