import type { SeriesId } from '#core/contract/names.js';
import { Bits } from './bits.js';
import { parseTimeUs, quoted } from './flux.js';
import type { FluxRow } from './influx-client.js';
import { Mutex } from './mutex.js';
import type { StateStore } from './state-store.js';
import { linePrefix } from './tag-set.js';

/** The dirty buckets of one series in one block; the series `* * *` stands for all. */
export interface MarkRow extends SeriesId {
  readonly tier: number;
  readonly blockUs: number;
  readonly bits: Bits;
}

/** After so many saved rows, a store without any mark is emptied: rows of cleared marks would pile up for ever. */
const maxStaleRows = 20_000;

/** The durable side of the dirty marks: one point for each series and block, replaced in place. */
export class MarkStore {
  private readonly turns = new Mutex();
  private readonly marked = new Set<string>();
  private savedRows = 0;

  constructor(
    private readonly state: StateStore,
    private readonly writer: string,
    private readonly erase: (predicate: string) => Promise<void>,
  ) {}

  /** The rows of this writer that still have a mark. */
  async load(): Promise<MarkRow[]> {
    const rows = await this.state.load('dirty', readRow, `r.writer == ${quoted(this.writer)}`);
    this.savedRows = rows.length;
    const live = rows.filter(({ bits }) => !bits.isEmpty);
    for (const row of live) this.marked.add(rowKey(row));
    return live;
  }

  /** Calls of it take turns; each asks for its rows when its turn has come. */
  save(rowsNow: () => readonly MarkRow[]): Promise<void> {
    return this.turns.run(async () => {
      const rows = rowsNow();
      await this.state.save(rows.map((row) => this.line(row)));
      for (const row of rows) {
        if (row.bits.isEmpty) this.marked.delete(rowKey(row));
        else this.marked.add(rowKey(row));
      }
      this.savedRows += rows.length;
      if (this.marked.size === 0 && this.savedRows > maxStaleRows) await this.clear();
    });
  }

  private async clear(): Promise<void> {
    await this.erase(`_measurement="dirty" AND writer="${this.writer}"`);
    this.savedRows = 0;
  }

  private line({ tier, blockUs, site, device, sensor, bits }: MarkRow): string {
    const prefix = linePrefix('dirty', { writer: this.writer, tier: String(tier), site, device, sensor });
    return `${prefix}low=${bits.low}i,high=${bits.high}i ${blockUs}`;
  }
}

function rowKey({ tier, blockUs, site, device, sensor }: MarkRow): string {
  return `${tier} ${blockUs} ${site}/${device}/${sensor}`;
}

function readRow(row: FluxRow): MarkRow {
  const text = (column: string) => row.get(column) ?? '';
  return {
    tier: Number(text('tier')),
    blockUs: parseTimeUs(text('_time')),
    ...{ site: text('site'), device: text('device'), sensor: text('sensor') },
    bits: new Bits(Number(text('low')), Number(text('high'))),
  };
}
