import { RejectedError } from '#core/runtime/errors.js';
import type { InfluxClient } from './influx-client.js';
import type { Patience } from './patience.js';
import { daysOf, type RestingShards } from './resting-shards.js';

/** A line that InfluxDB will never take, and what it said. */
export interface RejectedLine {
  readonly line: string;
  readonly error: RejectedError;
}

/** How many bodies may be on the wire at once. */
const parallel = 2;

/** Writes bodies of line protocol into one bucket. */
export class LineWriter {
  constructor(
    private readonly client: InfluxClient,
    private readonly patience: Patience,
    private readonly resting: RestingShards,
    private readonly withinMs: number,
  ) {}

  /**
   * Resolves with what was refused when everything else is durable. Throws RetryableError, or FatalError.
   * `days`: the UTC days of the stamps, where the caller knows them.
   */
  write(
    bucket: string,
    bodies: readonly string[],
    days: ReadonlySet<number> = daysOf(bodies),
  ): Promise<RejectedLine[]> {
    // Two at once may also miss each other in a cache that is just made, so the second time they go one by one.
    return this.resting.guard(bucket, days, (isAgain) => this.writeOnce(bucket, bodies, isAgain ? 1 : parallel));
  }

  private async writeOnce(bucket: string, bodies: readonly string[], atOnce: number): Promise<RejectedLine[]> {
    const rejected: RejectedLine[] = [];
    let next = 0;
    const work = async () => {
      for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
        rejected.push(...(await this.writeBody(bucket, body)));
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnce, bodies.length) }, work));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return rejected;
  }

  /**
   * One request is refused as a whole (400), or but for some of its points (422), and InfluxDB does not say which. So a
   * refused body is halved until the lines that will not go stand alone; writing the others again changes nothing.
   */
  private async writeBody(bucket: string, body: string): Promise<RejectedLine[]> {
    try {
      await this.patience.run(this.withinMs, () => this.client.write(bucket, body));
      return [];
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      const lines = body.split('\n').filter((line) => line !== '');
      if (lines.length === 1) return [{ line: lines[0]!, error }];
      const middle = lines.length >> 1;
      const first = await this.writeBody(bucket, lines.slice(0, middle).join('\n'));
      return [...first, ...(await this.writeBody(bucket, lines.slice(middle).join('\n')))];
    }
  }
}
