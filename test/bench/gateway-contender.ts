import { pause, waitFor } from '../servers/wait-for.js';
import { round } from './bench-output.js';
import { startChild, type BenchChild } from './bench-child.js';
import type { LoadQuestion, LoadReport } from './gateway-load.js';
import { topicLength } from './kafka-count.js';
import { processUsage } from './process-usage.js';

/** What takes messages on a port and brings them to a topic. */
export interface Target {
  readonly port: number;
  readonly pids: readonly number[];
  readonly brokers: readonly string[];
  readonly topic: string;
}

export interface Measured {
  readonly askedPerSecond: number;
  readonly inLogPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** From the device to the log, on average: what is in between over what comes through (Little's law). */
  readonly meanToLogMs: number;
  /** What was not yet in the log after a third of the time, and at its end. */
  readonly backlog: readonly [number, number];
  readonly cpuSecondsPerMillion: number;
  readonly loadCpuShare: number;
  readonly rssMb: number;
  readonly sustained: boolean;
}

interface Sample {
  readonly atMs: number;
  readonly inLog: number;
  readonly backlog: number;
  readonly cpuSeconds: number;
  readonly load: LoadReport;
}

const sampleMs = 500;

/** One contender under the load of its own devices. */
export class Contender {
  private constructor(
    private readonly target: Target,
    private readonly load: BenchChild,
    /** Of the topic, before the first message. */
    private readonly before: number,
  ) {}

  static async connect(target: Target, connect: Omit<Extract<LoadQuestion, { type: 'connect' }>, 'type' | 'port'>) {
    const load = startChild('./gateway-load.js');
    await load.ask<LoadReport>({ type: 'connect', port: target.port, ...connect });
    return new Contender(target, load, await topicLength(target.brokers, target.topic));
  }

  /** A load that rises until the log does not keep up: the most that came through in a second of it. */
  async findLimit(fromPerSecond: number, growthPerSecond: number, withinS: number): Promise<number> {
    const samples: Sample[] = [];
    for (let perSecond = fromPerSecond, i = 0; i < withinS * 2; i += 1, perSecond *= growthPerSecond ** 0.5) {
      await this.rate(perSecond);
      await pause(sampleMs);
      const sample = await this.sample();
      samples.push(sample);
      if (sample.backlog > 1.5 * perSecond) break;
    }
    await this.drain();
    const rates = samples.slice(2).map((sample, i) => perSecondBetween(samples[i]!, sample));
    return Math.max(...rates, fromPerSecond);
  }

  /** Holds a rate for a while. */
  async measure(perSecond: number, warmUpS: number, seconds: number): Promise<Measured> {
    await this.rate(perSecond);
    await pause(warmUpS * 1000);
    await this.load.ask({ type: 'mark' });
    const samples = [await this.sample()];
    while (samples.at(-1)!.atMs - samples[0]!.atMs < seconds * 1000) {
      await pause(sampleMs);
      samples.push(await this.sample());
      if (samples.at(-1)!.backlog > 4 * perSecond + 5000) break;
    }
    const measured = this.judge(perSecond, samples);
    await this.drain();
    return measured;
  }

  /** What was sent, acknowledged and is in the log, now that nothing is under way. */
  async count() {
    const { sent, acknowledged, disordered, closed } = await this.load.ask<LoadReport>({ type: 'report' });
    const inLog = (await topicLength(this.target.brokers, this.target.topic)) - this.before;
    return { sent, acknowledged, inLog, missing: sent - inLog, disordered, closed };
  }

  async end(): Promise<void> {
    await this.load.end();
  }

  private judge(perSecond: number, samples: readonly Sample[]): Measured {
    const [first, last] = [samples[0]!, samples.at(-1)!];
    const inLogPerSecond = perSecondBetween(first, last);
    const backlogs = samples.map(({ backlog }) => backlog);
    const third = Math.floor(samples.length / 3);
    const mean = (some: readonly number[]): number => some.reduce((sum, one) => sum + one, 0) / some.length;
    const [early, late] = [mean(backlogs.slice(0, third + 1)), mean(backlogs.slice(-third - 1))];
    const cpuSeconds = last.cpuSeconds - first.cpuSeconds;
    const loadCpu = (last.load.cpuSeconds - first.load.cpuSeconds) / ((last.atMs - first.atMs) / 1000);
    return {
      askedPerSecond: Math.round(perSecond),
      inLogPerSecond: Math.round(inLogPerSecond),
      p50Ms: last.load.p50Ms,
      p99Ms: last.load.p99Ms,
      maxMs: round(last.load.maxMs),
      meanToLogMs: round((mean(backlogs) / inLogPerSecond) * 1000),
      backlog: [Math.round(early), Math.round(late)],
      cpuSecondsPerMillion: round((cpuSeconds / (last.inLog - first.inLog)) * 1e6),
      loadCpuShare: round(loadCpu, 2),
      rssMb: round(this.usage().rssMb),
      // Flat: what waits at the end is not more than at the beginning, but for a second's tenth and the noise.
      sustained: inLogPerSecond >= 0.97 * perSecond && late - early < 0.2 * perSecond && late < perSecond,
    };
  }

  private async rate(perSecond: number): Promise<void> {
    await this.load.ask({ type: 'rate', perSecond });
  }

  private async drain(): Promise<void> {
    await this.rate(0);
    await waitFor('all messages in the log', 60_000, async () => (await this.sample()).backlog <= 0, 200).catch(
      async () => {
        throw new Error(`the log lacks messages: ${JSON.stringify(await this.count())}`);
      },
    );
  }

  private async sample(): Promise<Sample> {
    const { brokers, topic } = this.target;
    const load = await this.load.ask<LoadReport>({ type: 'report' });
    const inLog = (await topicLength(brokers, topic)) - this.before;
    const backlog = load.sent + load.waiting - inLog;
    return { atMs: performance.now(), inLog, backlog, cpuSeconds: this.usage().cpuSeconds, load };
  }

  private usage(): { cpuSeconds: number; rssMb: number } {
    const all = this.target.pids.map(processUsage);
    return {
      cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      rssMb: all.reduce((sum, { rssMb }) => sum + rssMb, 0),
    };
  }
}

function perSecondBetween(first: Sample, last: Sample): number {
  return ((last.inLog - first.inLog) / (last.atMs - first.atMs)) * 1000;
}
