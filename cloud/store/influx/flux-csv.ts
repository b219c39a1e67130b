/** One row of an answer: its values as text, by column. */
export interface FluxRow {
  /** The name given by `yield`. */
  readonly result: string;
  /** Undefined where the row's table has no such column; empty for null and for empty text. */
  get(column: string): string | undefined;
}

/**
 * Reads the annotated CSV of Flux as it arrives: blocks of annotations, a header and rows, each block with columns of its
 * own. It hands out the rows of a whole piece of text at once, because a promise for each row costs more than the row.
 */
export class FluxCsv {
  private rest = '';
  private defaults: readonly string[] = [];
  private table: Table | undefined;

  /** The rows that this piece of text completes. */
  push(text: string): FluxRow[] {
    const rows: FluxRow[] = [];
    const all = this.rest + text;
    let from = 0;
    let quote = all.indexOf('"');
    for (;;) {
      let end = all.indexOf('\n', from);
      if (quote !== -1 && quote < end) {
        end = endOfQuotedLine(all, from);
        quote = end === -1 ? quote : all.indexOf('"', end);
      }
      if (end === -1) break;
      this.readLine(all.slice(from, all[end - 1] === '\r' ? end - 1 : end), rows);
      from = end + 1;
    }
    this.rest = all.slice(from);
    return rows;
  }

  private readLine(line: string, rows: FluxRow[]): void {
    if (line === '') {
      this.table = undefined;
    } else if (line.startsWith('#')) {
      if (line.startsWith('#default')) this.defaults = splitLine(line);
    } else if (this.table) {
      rows.push(new Row(this.table, splitLine(line)));
    } else {
      this.table = new Table(splitLine(line), this.defaults);
    }
  }
}

/** The columns of a block. */
class Table {
  readonly columns: ReadonlyMap<string, number>;
  readonly result: number;
  readonly defaultResult: string;

  constructor(header: readonly string[], defaults: readonly string[]) {
    this.columns = new Map(header.map((name, index) => [name, index]));
    this.result = header.indexOf('result');
    this.defaultResult = defaults[this.result] ?? '';
  }
}

class Row implements FluxRow {
  constructor(
    private readonly table: Table,
    private readonly values: readonly string[],
  ) {}

  get result(): string {
    return this.values[this.table.result] || this.table.defaultResult;
  }

  get(column: string): string | undefined {
    const index = this.table.columns.get(column);
    return index === undefined ? undefined : this.values[index];
  }
}

/** The end of the line that begins at `from`, of which some cells are quoted and may hold line ends; -1 if it is not there. */
function endOfQuotedLine(text: string, from: number): number {
  let quoted = false;
  for (let i = from; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x22) quoted = !quoted;
    else if (code === 0x0a && !quoted) return i;
  }
  return -1;
}

function splitLine(line: string): string[] {
  return line.includes('"') ? splitQuoted(line) : line.split(',');
}

function splitQuoted(line: string): string[] {
  const cells: string[] = [];
  for (let from = 0; from <= line.length;) {
    if (line[from] !== '"') {
      const end = line.indexOf(',', from);
      cells.push(line.slice(from, end === -1 ? undefined : end));
      from = end === -1 ? line.length + 1 : end + 1;
      continue;
    }
    let end = line.indexOf('"', from + 1);
    // A quote within the cell is doubled.
    while (line[end + 1] === '"') end = line.indexOf('"', end + 2);
    cells.push(line.slice(from + 1, end).replaceAll('""', '"'));
    from = end + 2;
  }
  return cells;
}
