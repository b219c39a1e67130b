import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runReduce } from '../../cli/commands/edge-reduce.js';
import type { FileReduction } from '../../edge/reduce-file.js';

const fixtures = fileURLToPath(new URL('../fixtures/nab', import.meta.url));
describe('fieldline edge reduce', () => {
  const machine = join(fixtures, 'realKnownCause/rogue_agent_key_updown.csv');
  const options = { input: machine, reducer: 'swing', tolerance: '1%', window: 3_600_000 } as const;
  const columns = { timeColumn: 'timestamp', valueColumn: 'value' };

  function file(text: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'fieldline-reduce-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'in.csv'), text);
    return join(folder, 'in.csv');
  }

  async function run(over: object = {}): Promise<{ code: number; text: string; result: FileReduction }> {
    let text = '';
    const code = await runReduce({ ...options, ...columns, json: true, ...over }, (part) => (text += part));
    return { code, text, result: text.startsWith('{') ? (JSON.parse(text) as FileReduction) : ({} as FileReduction) };
  }

  it('tells points, bytes and the worst error with its time', async () => {
    const { code, result } = await run();
    expect(code).toBe(0);
    expect(result).toMatchObject({ input: machine, reducer: 'swing', readings: 5315, boundHolds: true });
    expect(result.wire.reduced.zlib).toBeLessThan(result.wire.raw.zlib / 5);
    expect(result.wire.raw.zlib).toBeLessThan(result.wire.raw.json / 3);
    const { text } = await run({ json: false });
    expect(text).toMatch(/^worst error +\S+ at 2014-\d\d-\d\d \d\d:\d\d:\d\d$/m);
    expect(text).toMatch(/^bound .*never broken$/m);
    expect(text).toMatch(/^bytes on the wire +\d+ of \d+/m);
  });

  it('makes windows, which have no bound', async () => {
    const { code, result } = await run({ reducer: 'window', window: 3_600_000 });
    expect(code).toBe(0);
    expect(result).not.toHaveProperty('bound');
    expect(result.ratio).toBeGreaterThan(5);
  });

  it('takes a tolerance in the unit, a span, a gap, and other names of columns', async () => {
    const input = file(
      'when,what\n2026-01-01,0\n2026-01-02,5\n2026-01-03,10\n2026-01-09,70\n2026-01-10,\n2026-01-11,80\n',
    );
    const named = { input, timeColumn: 'when', valueColumn: 'what' };
    const all = await run({ ...named, tolerance: 1 });
    expect(all.result).toMatchObject({ readings: 5, notNumbers: 1, span: 80, tolerance: 1, points: 4 });
    const shorter = await run({ ...named, tolerance: '1%', span: 1000, maxGap: 3 * 86_400_000 });
    expect(shorter.result).toMatchObject({ tolerance: 10, points: 4, worst: { error: 0 } });
  });

  it('answers a file without a number, or with none of the columns, as bad usage', async () => {
    await expect(run({ input: file('timestamp,value\n2026-01-01,x\n') })).rejects.toThrow('has no number');
    await expect(run({ input: file('a,b\n1,2\n') })).rejects.toMatchObject({ code: 'bad-config' });
  });

  it('finds no fault with a flat line', async () => {
    const { code, result } = await run({ input: file(`timestamp,value\n1700000000,5\n1700000001,5\n1700000002,5\n`) });
    expect([code, result.points, result.worst!.error]).toEqual([0, 2, 0]);
  });
});
