import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import { describeChannels } from '../channel-shape.js';
import { ReadingBuffer } from '../reading-buffer.js';
import type { Sensor } from '../sensor.js';
import { createParser, type ParserOptions } from './parsers.js';
import type { SerialParser } from './parser.js';
import { Port, type PortOptions } from './port.js';

/** The bytes of a line follow each other within a few milliseconds: after such a silence nothing is under way. */
const settledMs = 100;

export interface SerialSensorOptions extends PortOptions {
  readonly parser: ParserOptions;
  readonly maxLineBytes: number;
  /** After such a silence, in milliseconds, what was begun is given up. */
  readonly gapMs: number;
  /** After such a silence, in milliseconds, the port is opened anew. Default never. */
  readonly silenceMs?: number;
  /** Sent at each read, which then waits for an answer. */
  readonly request?: Buffer;
  /** Time for an answer, in milliseconds. */
  readonly replyMs: number;
  /** Readings kept between two reads. */
  readonly maxBuffered: number;
  readonly clock: Clock;
}

/**
 * A device at a serial port, which speaks by itself or answers requests. Noise never makes it fail; a port that is gone,
 * or a device that does not answer, does: RetryableError.
 */
export class SerialSensor implements Sensor {
  readonly channels: Readonly<Record<string, SensorDescription>>;
  private readonly buffer: ReadingBuffer;
  private readonly parser: SerialParser;
  private port: Port | undefined;
  private failure: string | undefined = 'not started';
  private lastHeardMs = 0;
  private heardSinceOpen = false;
  /** Ends the wait for an answer. */
  private wake: () => void = () => undefined;

  constructor(private readonly options: SerialSensorOptions) {
    this.channels = describeChannels(options.parser.channels);
    this.buffer = new ReadingBuffer(options.maxBuffered);
    this.parser = createParser(options.parser, options.maxLineBytes, this.buffer);
  }

  async start(): Promise<void> {
    if (this.port && this.failure === undefined) return;
    await this.port?.close();
    this.parser.begin(false);
    this.port = await Port.open(this.options, {
      onData: (chunk) => this.hear(chunk),
      onLost: (error) => this.fail(error.message),
    });
    this.failure = undefined;
    this.heardSinceOpen = false;
    this.lastHeardMs = this.options.clock.monotonicMs();
  }

  async read(): Promise<Reading[]> {
    if (this.options.request && this.failure === undefined) await this.ask(this.options.request);
    const readings = this.buffer.take();
    // What came before the failure is true.
    if (readings.length > 0) return readings;
    const { path, silenceMs = Infinity, clock } = this.options;
    if (this.failure !== undefined) throw new RetryableError('unavailable', `${path}: ${this.failure}`);
    if (clock.monotonicMs() - this.lastHeardMs >= silenceMs) {
      this.fail(`nothing heard for ${silenceMs} ms`);
      throw new RetryableError('timeout', `${path}: ${this.failure}`);
    }
    return readings;
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.buffer.takeDropped();
  }

  detail(): string {
    if (this.failure !== undefined) return this.failure;
    const forMs = Math.round(this.options.clock.monotonicMs() - this.lastHeardMs);
    return this.heardSinceOpen ? `last heard ${forMs} ms ago` : `open for ${forMs} ms, and nothing heard`;
  }

  async stop(deadlineMs: number): Promise<void> {
    const { port } = this;
    this.port = undefined;
    this.fail('stopped');
    if (!port) return;
    const done = new AbortController();
    await Promise.race([port.close(), this.options.clock.sleep(deadlineMs, done.signal)]);
    done.abort();
  }

  private hear(chunk: Buffer): void {
    const { clock, gapMs } = this.options;
    const nowMs = clock.monotonicMs();
    const isBegun = this.heardSinceOpen || this.options.request !== undefined;
    if (nowMs - this.lastHeardMs > (isBegun ? gapMs : settledMs)) this.parser.begin(true);
    this.lastHeardMs = nowMs;
    this.heardSinceOpen = true;
    this.parser.take(chunk, clock.nowUs());
    if (this.buffer.size > 0) this.wake();
  }

  private fail(message: string): void {
    this.failure = message;
    this.wake();
  }

  /** Resolves when something of use has arrived, when the port is lost, and at the latest after `replyMs`. */
  private async ask(request: Buffer): Promise<void> {
    const { clock, replyMs } = this.options;
    const { port } = this;
    const woken = new Promise<void>((resolve) => (this.wake = resolve));
    const askedMs = clock.monotonicMs();
    const done = new AbortController();
    try {
      // An answer that came too late is not the answer to this.
      await port?.flush();
      this.parser.begin(true);
      await Promise.race([port?.write(request).then(() => woken), clock.sleep(replyMs, done.signal)]);
    } catch (error) {
      this.fail(messageOf(error));
    } finally {
      done.abort();
    }
    if (this.failure === undefined && this.lastHeardMs < askedMs) this.fail(`no answer within ${replyMs} ms`);
  }
}
