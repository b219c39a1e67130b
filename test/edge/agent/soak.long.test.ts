import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import type { AgentFigures } from '../../bench/edge-load.js';
import { startMosquitto } from '../../servers/mosquitto.js';
import { tempDir } from '../../support/temp-dir.js';

const minutes = 30;
/** V8 is lazy about garbage: two windows of a steady process differ by so much and more. */
const slackMb = 6;
const agentFile = new URL('../../../dist/test/bench/edge-agent.js', import.meta.url).pathname;

test(
  `${minutes} minutes at 1,000 readings/s: no reading dropped, and no memory that grows`,
  { timeout: (minutes + 3) * 60_000 },
  async () => {
    const broker = await startMosquitto();
    onTestFinished(() => broker.stop());
    const load = { url: broker.url, folder: await tempDir(), channels: 200, perSecond: 1000 };
    const agent = spawn(process.execPath, [agentFile, JSON.stringify(load)], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void agent.kill('SIGKILL'));
    const lines: AgentFigures[] = [];
    createInterface({ input: agent.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line) as AgentFigures);
      if (lines.length === minutes * 60) agent.kill('SIGTERM');
    });
    await once(agent, 'exit');
    const last = lines.at(-1)!;
    expect(lines.length).toBeGreaterThanOrEqual(minutes * 60);
    expect(last.dropped).toBe(0);
    // The last of them are still on their way.
    expect(last.readings - last.acknowledged).toBeLessThan(5000);
    expect(last.readings).toBeGreaterThan(minutes * 60 * 1000 * 0.98);
    const quarter = Math.floor(lines.length / 4);
    const rssMb = [1, 2, 3].map((index) => medianRssMb(lines.slice(index * quarter, (index + 1) * quarter)));
    const peakMb = Math.max(...lines.map(({ rssBytes }) => rssBytes)) / 2 ** 20;
    console.log(JSON.stringify({ readings: last.readings, rssMbByQuarter: rssMb, peakMb }));
    expect(rssMb[2]! - rssMb[0]!).toBeLessThan(slackMb);
  },
);

function medianRssMb(lines: readonly AgentFigures[]): number {
  const sorted = lines.map(({ rssBytes }) => rssBytes / 2 ** 20).sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
