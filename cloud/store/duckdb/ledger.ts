import { SequenceRanges, type SequenceRange } from '#core/contract/sequence-ranges.js';
import type { LedgerSource, SeriesFilter } from '../store.js';
import type { ColumnData } from './table-appender.js';

export type LedgerRow = [source: string, fromSeq: number, toSeq: number];

/** The pack numbers that are stored, in memory: what the file's table `ledger` says. */
export class Ledger {
  private readonly sources = new Map<LedgerSource, SequenceRanges>();

  constructor(rows: Iterable<LedgerRow>) {
    for (const [source, from, to] of rows) this.rangesOf(source).add(from, to);
  }

  has(source: LedgerSource, seq: number): boolean {
    return this.sources.get(source)?.has(seq) ?? false;
  }

  add(source: LedgerSource, ranges: SequenceRanges): void {
    this.rangesOf(source).addAll(ranges);
  }

  /** Copies, by source. */
  snapshot({ site, device }: SeriesFilter = {}): Map<LedgerSource, SequenceRanges> {
    const matching = [...this.sources].filter(([source]) => {
      const [itsSite, itsDevice] = source.split('/');
      return (site === undefined || site === itsSite) && (device === undefined || device === itsDevice);
    });
    return new Map(matching.map(([source, ranges]) => [source, ranges.clone()]));
  }

  /** The whole table, with each run of numbers as one row. */
  columns(): ColumnData[] {
    return rangeColumns(this.sources);
  }

  private rangesOf(source: LedgerSource): SequenceRanges {
    let ranges = this.sources.get(source);
    if (!ranges) this.sources.set(source, (ranges = SequenceRanges.from()));
    return ranges;
  }
}

/** What one batch adds to the ledger, once its transaction is through. */
export class LedgerAddition {
  private readonly added = new Map<LedgerSource, SequenceRanges>();

  constructor(private readonly ledger: Ledger) {}

  /** Takes a pack's number with those that it replaces; false if the number was there already. */
  take(source: LedgerSource, seq: number, replaces: readonly SequenceRange[] = []): boolean {
    let ranges = this.added.get(source);
    if (this.ledger.has(source, seq) || ranges?.has(seq)) return false;
    if (!ranges) this.added.set(source, (ranges = SequenceRanges.from()));
    ranges.add(seq);
    for (const [from, to] of replaces) ranges.add(from, to);
    return true;
  }

  get isEmpty(): boolean {
    return this.added.size === 0;
  }

  columns(): ColumnData[] {
    return rangeColumns(this.added);
  }

  commit(): void {
    for (const [source, ranges] of this.added) this.ledger.add(source, ranges);
  }
}

function rangeColumns(sources: ReadonlyMap<LedgerSource, SequenceRanges>): ColumnData[] {
  const [names, from, to]: [string[], number[], number[]] = [[], [], []];
  for (const [source, ranges] of sources) {
    for (const range of ranges) {
      names.push(source);
      from.push(range[0]);
      to.push(range[1]);
    }
  }
  return [names, from, to];
}
