import { RetryableError } from '../../runtime/errors.js';
import type { Tail, TailOptions } from '../log.js';
import type { LocalTopic } from './local-topic.js';
import { type ReaderContext, Stopping, untilDone } from './reader.js';

interface Place {
  readonly topic: LocalTopic;
  /** What stood in the log when the tail began. */
  readonly end: number;
  position: number;
}

/** Hands topics to one reader, without a group. */
export class TailReader implements Tail {
  readonly caughtUp: Promise<void>;
  private resolveCaughtUp: () => void = () => undefined;
  private rejectCaughtUp: (error: unknown) => void = () => undefined;
  private readonly places: Place[];
  private readonly stopping = new Stopping();
  private done: Promise<void> = Promise.resolve();

  constructor(
    topics: readonly LocalTopic[],
    private readonly options: TailOptions,
    private readonly context: ReaderContext,
  ) {
    this.places = topics.map((topic) => {
      const end = topic.next;
      return { topic, end, position: options.from === 'beginning' ? topic.first : end };
    });
    this.caughtUp = new Promise((resolve, reject) => {
      this.resolveCaughtUp = resolve;
      this.rejectCaughtUp = reject;
    });
    // Whoever does not wait for it hears of a failure by onError.
    this.caughtUp.catch(() => undefined);
  }

  start(): void {
    this.done = this.read().catch((error: unknown) => {
      this.rejectCaughtUp(error);
      if (!this.stopping.signal.aborted) this.options.onError?.(error);
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.stopping.stop(this.done, deadlineMs, this.context.clock);
    this.rejectCaughtUp(new RetryableError('stopped', 'the tail was stopped before it had caught up'));
  }

  private async read(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (this.places.every(({ position, end }) => position >= end)) this.resolveCaughtUp();
      let moved = false;
      for (const place of this.places) moved = (await this.step(place)) || moved;
      if (!moved) await this.grown();
    }
  }

  private async step(place: Place): Promise<boolean> {
    const { topic, position } = place;
    if (this.stopping.signal.aborted || topic.next === position) return false;
    const read = (): ReturnType<LocalTopic['read']> => topic.read(position, this.context.limits);
    const { records, next } = await untilDone(this.context, `${topic.name}, tail`, this.stopping.signal, read);
    if (records.length > 0) await this.options.onBatch({ topic: topic.name, partition: 0, records });
    place.position = next;
    return next > position;
  }

  private async grown(): Promise<void> {
    const turn = new AbortController();
    const stop = (): void => turn.abort();
    this.stopping.signal.addEventListener('abort', stop);
    if (this.stopping.signal.aborted) stop();
    await Promise.race(this.places.map(({ topic, position }) => topic.grown(position, turn.signal)));
    this.stopping.signal.removeEventListener('abort', stop);
    stop();
  }
}
