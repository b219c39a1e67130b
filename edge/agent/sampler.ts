import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { retryDelays } from '#core/runtime/retry.js';
import type { Sensor } from '../sensors/sensor.js';
import { Jitter } from './jitter.js';

/** A sensor with its schedule. */
export interface ScheduledSensor {
  readonly name: string;
  readonly sensor: Sensor;
  readonly intervalMs: number;
  /** A read or start that takes longer is given up, and the sensor started anew. Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * `waiting` for its next start, `starting`, `ready`, `reading`; `stalled`: a read or start that took too long is being ended;
 * `failed`: it never can be started; `stopped`.
 */
export type SamplerState = 'waiting' | 'starting' | 'ready' | 'reading' | 'stalled' | 'failed' | 'stopped';

export interface SensorStatus {
  readonly name: string;
  readonly state: SamplerState;
  readonly channels: number;
  readonly readings: number;
  /** Reads and starts that failed, and ticks that passed while a read was going on. */
  readonly failures: number;
  readonly missed: number;
  /** How late the reads began after their due time, in milliseconds: the mean, 99 % of the last ones, and the worst. */
  readonly meanJitterMs: number;
  readonly p99JitterMs: number;
  readonly maxJitterMs: number;
  readonly lastError: string | undefined;
  /** What the sensor says of itself: see {@link Sensor.detail}. */
  readonly detail: string | undefined;
}

export interface SamplerHooks {
  /** Throws FatalError if the sensor's channels cannot be taken. */
  readonly onStarted: (sampler: Sampler) => void;
  readonly onReadings: (readings: readonly Reading[]) => void;
  /** Readings that the sensor itself had to leave out. */
  readonly onDropped: (reason: string, readings: number) => void;
  readonly onJitter: (jitterMs: number) => void;
}

export interface SamplerOptions extends ScheduledSensor, SamplerHooks {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * Keeps one sensor going: starts it, reads it at each tick, backs off when it fails. Nothing here waits for another
 * sensor, and nothing is awaited by the schedule: a dead sensor costs a tick a comparison.
 */
export class Sampler {
  private current: SamplerState = 'waiting';
  private nextStartMs = 0;
  /** When the read or start in work began. */
  private busySinceMs = 0;
  private pending: Promise<void> = Promise.resolve();
  private opening: Promise<void> = Promise.resolve();
  private delays: Generator<number, never>;
  private readonly counts = { readings: 0, failures: 0, missed: 0 };
  private readonly jitter = new Jitter();
  private lastError: string | undefined;

  constructor(private readonly options: SamplerOptions) {
    this.delays = this.freshDelays();
  }

  get name(): string {
    return this.options.name;
  }

  get sensor(): Sensor {
    return this.options.sensor;
  }

  get intervalMs(): number {
    return this.options.intervalMs;
  }

  status(): SensorStatus {
    return {
      name: this.name,
      state: this.current,
      channels: Object.keys(this.sensor.channels).length,
      ...this.counts,
      meanJitterMs: this.jitter.meanMs,
      p99JitterMs: this.jitter.percentileMs(0.99),
      maxJitterMs: this.jitter.maxMs,
      lastError: this.lastError,
      detail: this.sensor.detail?.(),
    };
  }

  /** Tries to start the sensor. Resolves when that has succeeded or failed; a failure is tried again by `watch`. */
  open(): Promise<void> {
    this.current = 'starting';
    this.busySinceMs = this.options.clock.monotonicMs();
    return (this.opening = this.openSensor());
  }

  /** The time for a reading has come. */
  tick(dueUs: number): void {
    if (this.current === 'reading') this.counts.missed += 1;
    if (this.current !== 'ready') return;
    this.current = 'reading';
    this.busySinceMs = this.options.clock.monotonicMs();
    this.noteJitter((this.options.clock.nowUs() - dueUs) / 1000);
    this.pending = this.read();
  }

  /** Called now and then: ends a read or start that takes too long, starts what has backed off long enough. */
  watch(nowMs: number): void {
    if (this.current === 'waiting' && nowMs >= this.nextStartMs) void this.open();
    const { timeoutMs = 10_000 } = this.options;
    if ((this.current !== 'reading' && this.current !== 'starting') || nowMs - this.busySinceMs < timeoutMs) return;
    this.noteFailure(`the ${this.current === 'reading' ? 'read' : 'start'} took longer than ${timeoutMs} ms`);
    this.current = 'stalled';
    void this.revive();
  }

  /** Waits for a read in work, then stops the sensor. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    await this.settle(Promise.all([this.pending, this.opening]), deadlineMs / 2);
    if (this.isIn('ready') && this.sensor.takeDropped) await this.settle(this.drain(), deadlineMs / 4);
    this.current = 'stopped';
    const leftMs = Math.max(50, untilMs - clock.monotonicMs());
    const done = new AbortController();
    const late = clock.sleep(leftMs, done.signal).then(() => !done.signal.aborted);
    // One that cannot be stopped must not keep the others from writing what they have.
    const isLate = await Promise.race([this.sensor.stop(leftMs), late]).finally(() => done.abort());
    if (isLate === true) this.noteFailure(`it did not stop within ${Math.round(leftMs)} ms`);
  }

  /** Stops the sensor and starts it anew, whatever its state; see {@link open}. */
  async restart(): Promise<void> {
    await this.stop(this.options.timeoutMs ?? 10_000).catch((error: unknown) => this.noteFailure(messageOf(error)));
    this.delays = this.freshDelays();
    await this.open();
  }

  /** What a source that speaks by itself keeps since the last tick would go with it. */
  private drain(): Promise<void> {
    this.current = 'reading';
    return (this.pending = this.read());
  }

  private async openSensor(): Promise<void> {
    try {
      await this.sensor.start();
      this.options.onStarted(this);
      if (this.isIn('starting')) this.current = 'ready';
      else await this.sensor.stop(1000);
    } catch (error) {
      this.failed(error);
    }
  }

  private async read(): Promise<void> {
    try {
      const readings = await this.sensor.read();
      for (const [reason, dropped] of this.sensor.takeDropped?.() ?? []) this.options.onDropped(reason, dropped);
      if (this.isIn('stopped')) return;
      this.counts.readings += readings.length;
      // Also of a read given up: the readings are true, and late ones have their place.
      this.options.onReadings(readings);
      if (!this.isIn('reading')) return;
      this.current = 'ready';
      if (this.lastError !== undefined) this.recovered();
    } catch (error) {
      if (this.isIn('reading')) this.failed(error);
    }
  }

  /** A read or start may never come twice at once, so a hanging one must end before the sensor is started again. */
  private async revive(): Promise<void> {
    await this.sensor.stop(1000).catch((error: unknown) => this.noteFailure(messageOf(error)));
    await Promise.all([this.pending, this.opening]);
    if (this.isIn('stalled')) this.backOff();
  }

  private failed(error: unknown): void {
    this.noteFailure(messageOf(error));
    if (this.isIn('stopped')) return;
    if (!(error instanceof FatalError)) return this.backOff();
    this.current = 'failed';
    void this.sensor.stop(1000).catch(() => undefined);
  }

  private backOff(): void {
    this.current = 'waiting';
    this.nextStartMs = this.options.clock.monotonicMs() + this.delays.next().value;
  }

  private recovered(): void {
    this.lastError = undefined;
    this.delays = this.freshDelays();
    this.options.logger.info({ sensor: this.name }, 'the sensor answers again');
  }

  private noteFailure(message: string): void {
    this.counts.failures += 1;
    // One line for an outage, not one for each try.
    if (this.lastError !== message)
      this.options.logger.warn({ sensor: this.name, error: message }, 'the sensor failed');
    this.lastError = message;
  }

  private noteJitter(jitterMs: number): void {
    this.jitter.note(jitterMs);
    this.options.onJitter(jitterMs);
  }

  private freshDelays(): Generator<number, never> {
    return retryDelays({ firstMs: 500, maxMs: 60_000 }, this.options.random);
  }

  private isIn(state: SamplerState): boolean {
    return this.current === state;
  }

  private async settle(work: Promise<unknown>, withinMs: number): Promise<void> {
    const done = new AbortController();
    await Promise.race([work, this.options.clock.sleep(withinMs, done.signal)]);
    done.abort();
  }
}
