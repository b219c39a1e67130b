import type { SeriesId } from '#core/contract/names.js';
import { Bits } from './bits.js';
import { parseTimeUs, quoted } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import { Mutex } from '#core/runtime/mutex.js';
import { stateTimeUs, type StateStore } from './state-store.js';
import { linePrefix } from './tag-set.js';

/** The dirty buckets of one series in one block; the series `* * *` stands for all. */
export interface MarkRow extends SeriesId {
  readonly tier: number;
  readonly blockUs: number;
  readonly bits: Bits;
}

/** After so many saved rows, a store without any mark begins a new generation: rows of cleared marks would pile up. */
const maxStaleRows = 20_000;

/**
 * The durable side of the dirty marks: one point for each series and block, replaced in place.
 *
 * A delete beside a write of the same series has lost the write before (influxdata/influxdb#10513), so nothing that may
 * be written again is deleted: a new generation has another tag, and only then does the old one go.
 */
export class MarkStore {
  private readonly turns = new Mutex();
  private readonly marked = new Set<string>();
  private generation = 0;
  private savedRows = 0;

  constructor(
    private readonly state: StateStore,
    private readonly writer: string,
    private readonly erase: (predicate: string) => Promise<void>,
  ) {}

  /** The rows of this writer that still have a mark. */
  async load(): Promise<MarkRow[]> {
    const own = `r.writer == ${quoted(this.writer)}`;
    const [generation] = await this.state.load('generation', (row) => Number(row.get('number')), own);
    this.generation = generation ?? 0;
    const current = `r.generation == ${quoted(String(this.generation))}`;
    const rows = await this.state.load('dirty', readRow, own, current);
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
      if (this.marked.size === 0 && this.savedRows > maxStaleRows) await this.beginGeneration();
    });
  }

  private async beginGeneration(): Promise<void> {
    const old = this.generation;
    const prefix = linePrefix('generation', { writer: this.writer });
    await this.state.save([`${prefix}number=${old + 1}i ${stateTimeUs}`]);
    this.generation = old + 1;
    this.savedRows = 0;
    await this.erase(`_measurement="dirty" AND writer="${this.writer}" AND generation="${old}"`);
  }

  private line({ tier, blockUs, site, device, sensor, bits }: MarkRow): string {
    const own = { writer: this.writer, generation: String(this.generation) };
    const prefix = linePrefix('dirty', { ...own, tier: String(tier), site, device, sensor });
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
