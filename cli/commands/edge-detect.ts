import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { DetectResult, DetectTask } from '../detect-file.js';
import { UsageError } from '../fail.js';
import { wholeNumber } from '../options.js';
import { openProgress } from '../progress.js';
import { groupOf } from './group.js';

interface DetectOptions {
  input: string;
  output: string;
  warmup?: number;
  json?: boolean;
}

export function addEdgeDetect(program: Command): void {
  groupOf(program, 'edge', 'the edge agent and its tools')
    .command('detect')
    .description('give each row of a series an anomaly score from 0 to 1, as the edge agent would have')
    .requiredOption('--input <path>', 'CSV file with the columns timestamp and value, or a folder of such files')
    .requiredOption('--output <path>', 'where to write it with the column anomaly_score; a folder if the input is one')
    .option(
      '--warmup <rows>',
      'rows that are learned from and get no score (default: 15 % of a file, at most 750)',
      wholeNumber(0, 1e9),
    )
    .option('--json', 'print the result as one JSON line')
    .addHelpText('after', '\nExample:\n  fieldline edge detect --input boiler.csv --output boiler-scored.csv')
    .action(detect);
}

async function detect({ input, output, warmup, json }: DetectOptions): Promise<void> {
  const { detectFile } = await import('../detect-file.js');
  const pairs = await filePairs(input, output);
  const tasks = pairs.map((pair) => ({ ...pair, ...(warmup !== undefined && { warmup }) }));
  const total = await countLines(tasks);
  const progress = openProgress(Math.max(1, total), 'rows', process.stderr, () => performance.now());
  const files: DetectResult[] = [];
  let rows = 0;
  try {
    for (const task of tasks) {
      files.push(await detectFile(task, (more) => progress.update((rows += more), relative('.', task.input))));
    }
  } finally {
    progress.stop();
  }
  const text = json ? JSON.stringify({ files }) : files.map(line).join('\n');
  process.stdout.write(`${text}\n`);
}

/** Each file of a folder stands at the same place in the other. */
async function filePairs(input: string, output: string): Promise<DetectTask[]> {
  const found = await stat(input).catch(() => undefined);
  if (!found) throw new UsageError(`${input}: there is no such file or folder`);
  if (!found.isDirectory()) {
    if (resolve(input) === resolve(output)) throw new UsageError('the output would overwrite the input');
    if ((await stat(output).catch(() => undefined))?.isDirectory()) throw new UsageError(`${output} is a folder`);
    return [{ input, output }];
  }
  if (!relative(resolve(input), resolve(output)).startsWith('..'))
    throw new UsageError('the output folder must lie outside the input folder');
  const names = (await readdir(input, { recursive: true })).filter((name) => name.endsWith('.csv')).sort();
  if (names.length === 0) throw new UsageError(`${input}: no CSV file in it`);
  return names.map((name) => ({ input: join(input, name), output: join(output, name) }));
}

/** For the progress bar only. */
async function countLines(tasks: readonly DetectTask[]): Promise<number> {
  let lines = 0;
  for (const { input } of tasks) {
    for await (const chunk of createReadStream(input) as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
    }
  }
  return lines;
}

function line({ input, rows, anomalies, highest, highestAt }: DetectResult): string {
  const peak = highest > 0 ? `, highest ${highest.toFixed(2)} at ${highestAt}` : '';
  return `${input}: ${rows} rows, ${anomalies} ${anomalies === 1 ? 'anomaly' : 'anomalies'}${peak}`;
}
