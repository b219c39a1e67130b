import { parse } from 'csv-parse/sync';
import { messageOf } from '#core/runtime/errors.js';
import { deviceKey } from '#core/contract/names.js';
import { UsageError } from '../fail.js';
import { deviceOptions, refusedSecrets, type RawDevice } from './device-options.js';
import { isFaults, parseDevice, type DeviceInput, type InputContext } from './device-input.js';

/** A device of the table. */
export interface BatchRow {
  /** Line in the table, from 1, for messages. */
  readonly line: number;
  readonly input: DeviceInput;
  /** Column `out`: the file's name in the folder. */
  readonly out: string | undefined;
}

interface Cells {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

const ownColumns = new Set<string>([...deviceOptions.map(({ name }) => name), 'out']);
/** Kept apart for each device, so never said of all. */
const identityColumns = ['enrol-token-file', 'token-file', 'cert', 'key'] as const;
const perDevice = ['device', 'hostname', 'address', ...identityColumns] as const;

/**
 * The devices of a CSV table: a header of option names, one device a line; an empty cell takes what `common` says.
 * Throws UsageError with every fault of the table, each with its line and column.
 */
export function parseBatch(text: string, file: string, common: RawDevice, context: InputContext): BatchRow[] {
  const records = readTable(text, file);
  const faults = records.length > 1 ? saidOfAll(common, file) : [];
  const rows: BatchRow[] = [];
  for (const { line, cells } of records) {
    const { out, raw } = rawOf(cells, common);
    const input = parseDevice(raw, context);
    if (isFaults(input)) {
      for (const { option, message } of input) faults.push(`${file}:${line}: ${option}: ${message}${got(raw, option)}`);
    } else rows.push({ line, input, out });
  }
  faults.push(...repeated(rows, file, common));
  if (faults.length > 0) throw new UsageError(`nothing was written, for the table has faults:\n${faults.join('\n')}`);
  return rows;
}

function readTable(text: string, file: string): Cells[] {
  let table: { info: { lines: number }; record: Record<string, string> }[];
  let header: string[] = [];
  try {
    table = parse(text, {
      bom: true,
      trim: true,
      info: true,
      skip_empty_lines: true,
      comment: '#',
      comment_no_infix: true,
      columns: (names: string[]) => (header = names),
    }) as unknown as typeof table;
  } catch (cause) {
    throw new UsageError(`${file} is no table of devices: ${messageOf(cause)}`, { cause });
  }
  const faults = headerFaults(header);
  if (faults.length > 0) throw new UsageError(faults.map((fault) => `${file}: ${fault}`).join('\n'));
  if (table.length === 0) throw new UsageError(`${file} has no devices: a header and one line for each are wanted`);
  return table.map(({ info, record }) => ({ line: info.lines, cells: record }));
}

function headerFaults(header: readonly string[]): string[] {
  const unknown = header.filter((name) => !ownColumns.has(name) && !/^label:[a-z][a-z0-9_]{0,31}$/.test(name));
  const secrets = refusedSecrets(unknown, true);
  const strange = unknown.filter((name) => refusedSecrets([name], true).length === 0);
  const twice = header.filter((name, i) => header.indexOf(name) < i);
  const known = [...ownColumns, 'label:<name>'].join(', ');
  return [
    ...secrets,
    ...strange.map((name) => `column ${JSON.stringify(name)} is unknown; known are ${known}`),
    ...twice.map((name) => `column ${name} is there twice`),
    ...(header.includes('device') ? [] : ['a column `device` is missing']),
  ];
}

function rawOf(cells: Cells['cells'], common: RawDevice): { raw: RawDevice; out: string | undefined } {
  const { out, ...said } = Object.fromEntries(Object.entries(cells).filter(([, cell]) => cell !== ''));
  const labels = Object.entries(said).filter(([name]) => name.startsWith('label:'));
  const own = Object.fromEntries(Object.entries(said).filter(([name]) => !name.startsWith('label:')));
  // Those of the line come last, so that they win.
  const label = [common.label, said['label'], ...labels.map(([name, value]) => `${name.slice(6)}=${value}`)];
  const all = label.filter((part) => part !== undefined).join(',');
  return { raw: { ...common, ...own, ...(all !== '' && { label: all }) }, out };
}

/** Two cards that are one device would speak over each other. */
function repeated(rows: readonly BatchRow[], file: string, common: RawDevice): string[] {
  const values: readonly (readonly [string, (row: BatchRow) => string | undefined])[] = [
    ['device', ({ input }) => deviceKey(input)],
    ['hostname', ({ input }) => input.hostname],
    ['address', ({ input }) => input.address?.split('/')[0]],
    ['out', ({ out }) => out],
    ...identityColumns.map((name) => [name, ({ input }: BatchRow) => input[name]] as const),
  ];
  return values.flatMap(([column, valueOf]) => {
    const lines = new Map<string, number>();
    // Said of all of them, it was complained of already.
    if (common[column as keyof RawDevice] !== undefined) return [];
    return rows.flatMap((row) => {
      const value = valueOf(row);
      const first = value === undefined ? undefined : lines.get(value);
      if (value !== undefined && first === undefined) lines.set(value, row.line);
      return first === undefined ? [] : [`${file}:${row.line}: ${column}: ${value} is that of line ${first} already`];
    });
  });
}

function saidOfAll(common: RawDevice, file: string): string[] {
  const said = perDevice.filter((name) => common[name] !== undefined);
  return said.map((name) => `--${name} is of one device: make it a column of ${file}`);
}

function got(raw: RawDevice, option: string): string {
  const value = (raw as Record<string, string | undefined>)[option];
  return value === undefined ? '' : `, got ${JSON.stringify(value)}`;
}
