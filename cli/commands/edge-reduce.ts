import { InvalidArgumentError, Option, type Command } from 'commander';
import { csvSeries, type CsvRow } from '#core/runtime/csv-series.js';
import { toleranceSchema, type Tolerance } from '../../edge/reduce.js';
import { fileReducers, reduceFile, type FileReduction, type ReduceFileOptions } from '../../edge/reduce-file.js';
import { exitCodes } from '../exit-codes.js';
import { UsageError } from '../fail.js';
import { durationMs } from '../options.js';
import { groupOf } from './group.js';

interface ReduceOptions {
  input: string;
  reducer: ReduceFileOptions['reducer'];
  tolerance: Tolerance;
  span?: number;
  window: number;
  maxGap?: number;
  timeColumn: string;
  valueColumn: string;
  json?: boolean;
}

export function addEdgeReduce(program: Command): void {
  groupOf(program, 'edge', 'the edge agent and its tools')
    .command('reduce')
    .description('what a reducer would keep of a data file: points, bytes on the wire, and the worst error')
    .requiredOption('--input <file>', 'CSV file with a header line')
    .addOption(new Option('--reducer <name>', 'how it is reduced').choices(fileReducers).default('swing'))
    .option('--tolerance <value>', "in the file's unit, or percent of its span", tolerance, '1%')
    .option('--span <value>', 'what percent are of (default: greatest less least value of the file)', positive)
    .option('--window <duration>', 'width of the windows of --reducer window', durationMs, 3_600_000)
    .option('--max-gap <duration>', 'the longest gap that a line may cross (default: any)', durationMs)
    .option('--time-column <name>', 'name of the column with the times', 'timestamp')
    .option('--value-column <name>', 'name of the column with the values', 'value')
    .option('--json', 'print the result as one JSON line')
    .addHelpText(
      'after',
      '\nExit code 1: the worst error is beyond the bound.\n\nExample:\n  fieldline edge reduce --input in.csv --tolerance 1%',
    )
    .action(async (options: ReduceOptions) => {
      process.exitCode = await runReduce(options, (text) => process.stdout.write(text));
    });
}

/** Prints what became of the file; gives the exit code. */
export async function runReduce(options: ReduceOptions, print: (text: string) => void): Promise<number> {
  const { input, reducer, span, window: windowMs, maxGap: maxGapMs, timeColumn: time, valueColumn: value } = options;
  const rows: CsvRow[] = [];
  for await (const row of csvSeries(input, { time, value })) rows.push(row);
  const result = reduced(input, rows, {
    reducer,
    windowMs,
    tolerance: options.tolerance,
    ...(span !== undefined && { span }),
    ...(maxGapMs !== undefined && { maxGapMs }),
  });
  print(`${options.json ? JSON.stringify({ input, ...result }) : table(result)}\n`);
  return result.boundHolds ? exitCodes.done : exitCodes.failed;
}

function reduced(input: string, rows: readonly CsvRow[], options: ReduceFileOptions): FileReduction {
  try {
    return reduceFile(rows, options);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${input}: ${error.message}`);
    throw error;
  }
}

function table(result: FileReduction): string {
  const { reducer, tolerance, span, bound, readings, notNumbers, points, ratio, wire, worst, boundHolds } = result;
  const rows: [string, string][] = [
    ['reducer', tolerance === undefined ? reducer : `${reducer}, tolerance ${shown(tolerance)}, span ${shown(span)}`],
    ['readings', notNumbers === 0 ? `${readings}` : `${readings}, and ${notNumbers} rows without a number`],
    ['points kept', `${points}, one for ${shown(ratio, 3)} readings`],
    [
      'bytes on the wire',
      `${wire.reduced.zlib} of ${wire.raw.zlib}, ${shown(wire.raw.zlib / wire.reduced.zlib, 3)} times less`,
    ],
    ['  not deflated', `${wire.reduced.json} of ${wire.raw.json}`],
  ];
  if (worst) rows.push(['worst error', `${shown(worst.error)} at ${worst.timestamp}`]);
  if (bound !== undefined) rows.push(['bound', `${shown(bound)}, ${boundHolds ? 'never broken' : 'BROKEN'}`]);
  return rows.map(([name, value]) => `${name.padEnd(20)}${value}`).join('\n');
}

function shown(value: number, digits = 6): string {
  return String(Number(value.toPrecision(digits)));
}

function tolerance(text: string): Tolerance {
  const parsed = toleranceSchema.safeParse(text.includes('%') ? text : Number(text));
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('Expected a number above 0, or percent such as 1%.');
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && value < Infinity) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}
