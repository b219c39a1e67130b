import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addEdgeDetect } from '../../cli/commands/edge-detect.js';
import type { DetectResult } from '../../cli/detect-file.js';
import { exitCodes } from '../../cli/exit-codes.js';
import { explain } from '../../cli/fail.js';
import { NoveltyDetector } from '../../core/signal/detectors/novelty.js';
import { noise } from '../core/signal/series.js';

const real = new URL('../fixtures/nab/realKnownCause/rogue_agent_key_hold.csv', import.meta.url).pathname;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldline-detect-'));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (...names: string[]) => join(folder, ...names);

/** Runs the command as `fieldline` does. */
async function detect(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addEdgeDetect(program);
  for (const command of program.commands.flatMap((group) => [group, ...group.commands])) command.exitOverride();
  let err = '';
  let code: number = exitCodes.done;
  try {
    await program.parseAsync(['edge', 'detect', ...words], { from: 'user' });
  } catch (error) {
    code = explain(error, (line) => (err += line));
  }
  const out = print.mock.calls.map(([text]) => text as string).join('');
  print.mockRestore();
  return { code, out, err };
}

async function rowsOf(path: string): Promise<string[][]> {
  return (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
}

/** Seconds since 2023, a spike at row 1500. */
function csv(rows = 2000): string {
  const values = noise(rows, 5, 1).map((value, i) => (i === 1500 ? 50 : value));
  return `timestamp,value\n${values.map((value, i) => `${1_672_531_200 + i},${value}`).join('\n')}\n`;
}

describe('fieldline edge detect', () => {
  it('writes the score beside each row of a real series, the stamps as they were', async () => {
    const { code, out } = await detect('--input', real, '--output', at('out.csv'), '--json');
    expect(code).toBe(exitCodes.done);
    const [input, output] = [await rowsOf(real), await rowsOf(at('out.csv'))];
    expect(output[0]).toEqual(['timestamp', 'value', 'anomaly_score']);
    expect(output.slice(1).map(([stamp, value]) => [stamp, Number(value)])).toEqual(
      input.slice(1).map(([stamp, value]) => [stamp, Number(value)]),
    );
    const scores = output.slice(1).map(([, , score]) => Number(score));
    expect(scores.slice(0, 282).every((score) => score === 0)).toBe(true);
    const [result] = (JSON.parse(out) as { files: DetectResult[] }).files;
    expect(result).toMatchObject({ rows: 1882, warmup: 282, highest: Math.max(...scores) });
    expect(result!.highestAt).toBe(output[1 + scores.indexOf(result!.highest)]![0]);
  });

  it('gives the very scores that the detector gives', async () => {
    await writeFile(at('in.csv'), csv());
    await detect('--input', at('in.csv'), '--output', at('out.csv'), '--warmup', '900');
    const detector = new NoveltyDetector({ warmup: 900 });
    for (const [stamp, value, score] of (await rowsOf(at('out.csv'))).slice(1)) {
      expect(Number(score)).toBe(detector.push(Number(stamp) * 1e6, Number(value)));
    }
  });

  it('tells a person how many anomalies there are and where', async () => {
    await writeFile(at('in.csv'), csv());
    const { out } = await detect('--input', at('in.csv'), '--output', at('out.csv'), '--warmup', '750');
    expect(out).toMatch(/in\.csv: 2000 rows, 1 anomaly, highest 0\.\d\d at 16725327\d\d\n$/);
  });

  it('does a folder with all below it, each file for itself', async () => {
    await mkdir(at('in', 'deep'), { recursive: true });
    await writeFile(at('in', 'a.csv'), csv());
    await writeFile(at('in', 'deep', 'b.csv'), csv(6000));
    await writeFile(at('in', 'readme.txt'), 'no series');
    const { code, out } = await detect('--input', at('in'), '--output', at('scored'), '--json');
    expect(code).toBe(exitCodes.done);
    const { files } = JSON.parse(out) as { files: DetectResult[] };
    expect(files.map(({ rows, warmup }) => [rows, warmup])).toEqual([
      [2000, 300],
      [6000, 750],
    ]);
    expect(await rowsOf(at('scored', 'deep', 'b.csv'))).toHaveLength(6001);
    expect(await readdir(at('scored'))).toEqual(['a.csv', 'deep']);
  });

  it('gives an empty or wordy value no score, and quotes a stamp as it was', async () => {
    const lines = ['timestamp,value', '"2023-01-01 00:00:00,5",1', '2023-01-01T00:01:00Z,', '2023-01-01 00:02,off'];
    await writeFile(at('in.csv'), lines.join('\n'));
    await detect('--input', at('in.csv'), '--output', at('out.csv'), '--warmup', '0');
    expect(await readFile(at('out.csv'), 'utf8')).toBe(
      'timestamp,value,anomaly_score\n"2023-01-01 00:00:00,5",1,0\n2023-01-01T00:01:00Z,,0\n2023-01-01 00:02,,0\n',
    );
  });
});

describe('bad usage', () => {
  it.each([
    ['a column that is missing', 'time,value\n1672531200,1\n', /no column timestamp/],
    ['a time that is none', 'timestamp,value\nnoon,1\n', /line 2: "noon" is no time/],
    ['no rows', 'timestamp,value\n', /no rows/],
  ])('%s has exit code 2 and says what is wrong', async (_name, text, message) => {
    await writeFile(at('in.csv'), text);
    const { code, err } = await detect('--input', at('in.csv'), '--output', at('out.csv'));
    expect(code).toBe(exitCodes.usage);
    expect(err).toMatch(message);
    expect(await readdir(folder)).toEqual(['in.csv']);
  });

  it('a fault in a late row leaves nothing half written, and what stood there before', async () => {
    await writeFile(at('in.csv'), `${csv(7000)}soon,3\n`);
    await writeFile(at('out.csv'), 'of yesterday');
    const { code, err } = await detect('--input', at('in.csv'), '--output', at('out.csv'));
    expect(code).toBe(exitCodes.usage);
    expect(err).toMatch(/line 7002/);
    expect(await readFile(at('out.csv'), 'utf8')).toBe('of yesterday');
    expect(await readdir(folder)).toEqual(['in.csv', 'out.csv']);
  });

  it('refuses a missing input, an empty folder, and to write over what it reads', async () => {
    await writeFile(at('in.csv'), csv(10));
    await mkdir(at('empty'));
    const wrong = [
      ['--input', at('none.csv'), '--output', at('out.csv')],
      ['--input', at('empty'), '--output', at('out')],
      ['--input', at('in.csv'), '--output', at('in.csv')],
      ['--input', at('in.csv'), '--output', folder],
      ['--input', folder, '--output', at('below')],
      ['--input', at('in.csv'), '--output', at('out.csv'), '--warmup', '-1'],
      ['--input', at('in.csv')],
    ];
    for (const words of wrong) expect((await detect(...words)).code, words.join(' ')).toBe(exitCodes.usage);
  });
});
