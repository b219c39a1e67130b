import type { Registry } from 'prom-client';
import {
  letterPosition,
  logSource,
  markOf,
  markRecord,
  parseLetterPosition,
  replayHeader,
  type LetterPosition,
} from '#core/contract/dead-letter.js';
import { logTopics } from '#core/contract/log-topics.js';
import type { EventLog, StoredRecord } from '#core/log/log.js';
import { Mutex } from '#core/runtime/mutex.js';
import type { Clock } from '#core/runtime/clock.js';
import { RejectedError } from '#core/runtime/errors.js';
import { StageMeter } from '#core/runtime/metrics.js';
import { marked, planReplay, type ReplayPlan, type ReplayWays } from './replay-plan.js';

export interface ReplayerOptions extends ReplayWays {
  readonly log: Pick<EventLog, 'append' | 'read'>;
  readonly clock: Clock;
  readonly registry: Registry;
}

export interface ReplayResult {
  readonly position: LetterPosition;
  /** `nothing`: there was nothing in it that could still be of use. */
  readonly outcome: 'replayed' | 'would-replay' | 'failed' | 'nothing';
  readonly readings: number;
  /** Of one that failed. */
  readonly reason?: string;
  readonly detail?: string;
}

const topic = logTopics.deadLetters.name;
const gone = { reason: 'gone', detail: 'no letter stands there: see fieldline dead-letters list' };

/**
 * Takes the bytes of dead letters through the decoders again and appends what becomes of them. A pack of ours keeps its
 * number and a foreign one has a number made from the letter's position, so a letter may be replayed any number of times
 * and counts once. One that fails again is told of, and stays what it is.
 */
export class Replayer {
  private readonly meter: StageMeter;
  private readonly turns = new Mutex();

  constructor(private readonly options: ReplayerOptions) {
    this.meter = new StageMeter('replay', options.registry);
  }

  /** Throws what the log throws. */
  async find(position: LetterPosition): Promise<StoredRecord | undefined> {
    const place = parseLetterPosition(position);
    if (!place) return undefined;
    const [record] = await this.options.log.read(topic, place.partition, place.offset, 1);
    return record?.offset === place.offset && !markOf(record.headers) ? record : undefined;
  }

  /** Resolves when what it became is durable. Throws RetryableError while the log is away: then the same may be asked again. */
  replay(position: LetterPosition, { dry }: { readonly dry: boolean }): Promise<ReplayResult> {
    return this.turns.run(() => this.replayOne(position, dry));
  }

  private async replayOne(position: LetterPosition, dry: boolean): Promise<ReplayResult> {
    const found = await this.find(position);
    const letter = found && (await this.whole(found));
    const partition = parseLetterPosition(position)?.partition ?? 0;
    const plan: ReplayPlan = letter ? planReplay(partition, letter, this.options, dry) : gone;
    if ('reason' in plan) return this.failed(position, plan);
    if (dry) return { position, outcome: 'would-replay', readings: plan.readings };
    if (plan.groups.length === 0) return { position, outcome: 'nothing', readings: 0 };
    return this.carryOut(letterPosition(partition, letter!.offset), letter!, plan);
  }

  private async carryOut(
    position: LetterPosition,
    letter: StoredRecord,
    plan: Exclude<ReplayPlan, { reason: string }>,
  ): Promise<ReplayResult> {
    const { log, clock } = this.options;
    const trial = String(clock.nowUs());
    const header = { [replayHeader]: `${position} ${trial}` };
    this.meter.in(plan.readings);
    try {
      for (const group of plan.groups) await log.append(group.topic, marked(group, header));
    } catch (error) {
      const code = error instanceof RejectedError ? 'refused' : 'unavailable';
      this.meter.drop(code, plan.readings);
      if (error instanceof RejectedError)
        return { position, outcome: 'failed', readings: 0, reason: code, detail: error.message };
      throw error;
    }
    plan.stored?.();
    this.meter.out(plan.readings);
    const detail = plan.refused ?? '';
    await log.append(topic, [
      markRecord(letter.key, { mark: 'replayed', letter: position, trial, reason: '', detail }),
    ]);
    return { position, outcome: 'replayed', readings: plan.readings, ...(detail && { detail }) };
  }

  private failed(position: LetterPosition, { reason, detail }: { reason: string; detail: string }): ReplayResult {
    return { position, outcome: 'failed', readings: 0, reason, detail };
  }

  /** A letter too large to hold its bytes beside its headers has left them where it came from, as long as they stand there. */
  private async whole(letter: StoredRecord): Promise<StoredRecord | undefined> {
    const place = logSource(letter.headers?.['source'] ?? '');
    if (letter.value.byteLength > 0 || letter.headers?.['stage'] !== 'ingest' || !place) return letter;
    const [record] = await this.options.log.read(place.topic, place.partition, place.offset, 1);
    return record?.offset === place.offset ? { ...letter, value: record.value } : undefined;
  }
}
