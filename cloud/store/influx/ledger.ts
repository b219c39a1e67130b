import { SequenceRanges, type SequenceRange } from '#core/contract/sequence-ranges.js';
import type { LedgerSource, SeriesFilter } from '../store.js';
import { stringText } from './fields.js';
import { matching, quoted, type Flux } from './flux.js';
import type { FluxRow } from './flux-csv.js';
import { stateTimeUs, type StateStore } from './state-store.js';
import { linePrefix } from './tag-set.js';

/** InfluxDB takes strings of up to 64 kB: a longer list of ranges is cut into several points. */
const maxPartLength = 60_000;

/**
 * Which pack numbers are stored. Every writer has points of its own, so that two of them never overwrite each other;
 * numbers are only ever added, so the union of all points is right whatever a crash left behind.
 */
export class Ledger {
  private readonly sources = new Map<LedgerSource, SequenceRanges>();
  /** What of it stands in the points of this writer. */
  private readonly own = new Map<LedgerSource, SequenceRanges>();

  constructor(
    private readonly state: StateStore,
    private readonly writer: string,
  ) {}

  async load(): Promise<void> {
    for (const { source, writer, ranges } of await this.state.load('ledger', readPart)) {
      rangesIn(this.sources, source).addAll(ranges);
      if (writer === this.writer) rangesIn(this.own, source).addAll(ranges);
    }
  }

  has(source: LedgerSource, seq: number): boolean {
    return this.sources.get(source)?.has(seq) ?? false;
  }

  /** Makes the addition durable, then counts it in. */
  async add(addition: LedgerAddition): Promise<void> {
    const lines: string[] = [];
    for (const [source, ranges] of addition.added) {
      const own = rangesIn(this.own, source);
      own.addAll(ranges);
      lines.push(...partLines(this.writer, source, own));
    }
    await this.state.save(lines);
    for (const [source, ranges] of addition.added) rangesIn(this.sources, source).addAll(ranges);
  }
}

/** The stored ledger, whoever wrote it. */
export async function readLedger(
  state: StateStore,
  filter: SeriesFilter = {},
): Promise<Map<LedgerSource, SequenceRanges>> {
  const { site, device } = filter;
  const sources = new Map<LedgerSource, SequenceRanges>();
  const terms: Flux[] = [matching({ site, device }), `r._field == ${quoted('ranges')}`];
  for (const { source, ranges } of await state.load('ledger', readPart, ...terms)) {
    rangesIn(sources, source).addAll(ranges);
  }
  return sources;
}

/** What one batch adds to the ledger. */
export class LedgerAddition {
  readonly added = new Map<LedgerSource, SequenceRanges>();

  constructor(private readonly ledger: Ledger) {}

  /** Takes a pack's number with those that it replaces; false if the number was there already. */
  take(source: LedgerSource, seq: number, replaces: readonly SequenceRange[] = []): boolean {
    if (this.ledger.has(source, seq) || this.added.get(source)?.has(seq)) return false;
    const ranges = rangesIn(this.added, source);
    ranges.add(seq);
    for (const [from, to] of replaces) ranges.add(from, to);
    return true;
  }
}

function rangesIn(sources: Map<LedgerSource, SequenceRanges>, source: LedgerSource): SequenceRanges {
  let ranges = sources.get(source);
  if (!ranges) sources.set(source, (ranges = SequenceRanges.from()));
  return ranges;
}

function partLines(writer: string, source: LedgerSource, ranges: SequenceRanges): string[] {
  const [site, device, epoch] = source.split('/') as [string, string, string];
  // For pictures: the packs that are there, and those that an uninterrupted sequence would have.
  const counts = `received=${ranges.size}i,expected=${ranges.highest + 1}i`;
  return cut(ranges.toString()).map((text, part) => {
    const prefix = linePrefix('ledger', { writer, site, device, epoch, part: String(part) });
    return `${prefix}ranges=${stringText(text)}${part === 0 ? `,${counts}` : ''} ${stateTimeUs}`;
  });
}

/** Cuts a list of ranges at commas. */
function cut(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > maxPartLength) {
    const at = rest.lastIndexOf(',', maxPartLength);
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + 1);
  }
  return [...parts, rest];
}

function readPart(row: FluxRow): { source: LedgerSource; writer: string; ranges: SequenceRanges } {
  const source = `${row.get('site')}/${row.get('device')}/${row.get('epoch')}`;
  return { source, writer: row.get('writer')!, ranges: SequenceRanges.parse(row.get('ranges')!) };
}
