import { access } from 'node:fs/promises';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { csvTable, type CsvTableRow } from '#core/runtime/csv-series.js';
import { describeChannels, scaled, type ChannelConfig } from '../channel-shape.js';
import { ReadingBuffer } from '../reading-buffer.js';
import type { Sensor } from '../sensor.js';
import { Timeline } from './timeline.js';

export interface ReplayChannel extends ChannelConfig {
  readonly column: string;
}

export interface ReplaySensorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly path: string;
  readonly timeColumn: string;
  readonly channels: readonly ReplayChannel[];
  readonly speed: number | 'max';
  readonly times: 'file' | 'now';
  readonly loop: boolean;
  /** Rows handed over by one read; what is due beyond waits for the next. */
  readonly maxRows: number;
}

/**
 * A data file in place of a device: each row is a reading of each channel, once its time has come. Every start begins at
 * its first row. After the last there are no more readings, which is no failure.
 */
export class ReplaySensor implements Sensor {
  readonly channels: Readonly<Record<string, SensorDescription>>;
  private readonly buffer: ReadingBuffer;
  private readonly columns: readonly string[];
  private timeline: Timeline | undefined;
  private rows: AsyncGenerator<CsvTableRow> | undefined;
  /** Read, and not yet due. */
  private next: CsvTableRow | undefined;
  private state: 'stopped' | 'running' | 'ended' = 'stopped';
  /** Of the row that was handed over last. */
  private line = 0;
  private lineRound = 1;
  private fault: unknown;
  private round = 1;

  constructor(private readonly options: ReplaySensorOptions) {
    const { channels, maxRows } = options;
    this.channels = describeChannels(channels);
    this.columns = channels.map(({ column }) => column);
    this.buffer = new ReadingBuffer(maxRows * channels.length);
  }

  /** Throws RetryableError while there is no such file, FatalError `bad-config` if it is no table of these columns. */
  async start(): Promise<void> {
    if (this.state !== 'stopped') return;
    const { path, clock, speed } = this.options;
    await access(path).catch((cause: unknown) => {
      throw new RetryableError('unavailable', `cannot read ${path}: ${messageOf(cause)}`, { cause });
    });
    [this.round, this.line, this.lineRound, this.fault] = [1, 0, 1, undefined];
    this.next = await this.open();
    this.state = this.next ? 'running' : 'ended';
    this.timeline = new Timeline({ clock, speed });
  }

  async read(): Promise<Reading[]> {
    try {
      if (this.timeline) await this.takeDue(this.timeline);
    } catch (error) {
      this.fault = error;
      this.next = undefined;
    }
    // What stood before a line that cannot be read is true.
    if (this.fault !== undefined && this.buffer.size === 0) throw this.fault;
    return this.buffer.take();
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.buffer.takeDropped();
  }

  detail(): string {
    const at = `line ${this.line}${this.lineRound > 1 ? ` of round ${this.lineRound}` : ''}`;
    if (this.state === 'stopped') return 'stopped';
    if (this.state === 'ended') return `the file has ended at ${at}`;
    const lateMs = this.next && this.timeline ? -this.timeline.dueInMs(this.next.timeUs) : 0;
    return lateMs > 1000 ? `at ${at}, ${Math.round(lateMs / 1000)} s behind` : `at ${at}`;
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    this.timeline = undefined;
    this.next = undefined;
    const { rows } = this;
    this.rows = undefined;
    await rows?.return(undefined);
  }

  private async takeDue(timeline: Timeline): Promise<void> {
    for (let rows = 0; this.next && rows < this.options.maxRows; rows += 1) {
      const row = this.next;
      if (timeline.dueInMs(row.timeUs) > 0) return;
      this.take(row, timeline);
      timeline.passed(row.timeUs);
      this.next = (await this.pull()) ?? (this.options.loop ? await this.beginAgain(timeline) : undefined);
      if (!this.next && this.state === 'running') this.end();
    }
  }

  private take({ timeUs, values, line }: CsvTableRow, timeline: Timeline): void {
    const { channels, times } = this.options;
    const stampUs = times === 'file' ? timeUs : timeline.nowUs(timeUs);
    [this.line, this.lineRound] = [line, this.round];
    for (let i = 0; i < channels.length; i += 1) {
      const raw = values[i];
      if (raw === undefined) continue;
      const channel = channels[i]!;
      if (!Number.isFinite(raw)) this.buffer.drop('bad-value');
      else this.buffer.push({ sensor: channel.name, timeUs: stampUs, value: scaled(raw, channel), quality: 'good' });
    }
  }

  private end(): void {
    this.state = 'ended';
    this.options.logger.info({ path: this.options.path, line: this.line }, 'the replayed file has ended');
  }

  private async beginAgain(timeline: Timeline): Promise<CsvTableRow | undefined> {
    if (this.state === 'stopped') return undefined;
    timeline.again();
    this.round += 1;
    return this.open();
  }

  /** Begins the file; its first row. */
  private open(): Promise<CsvTableRow | undefined> {
    const { path, timeColumn } = this.options;
    this.rows = csvTable(path, timeColumn, this.columns);
    return this.pull();
  }

  private async pull(): Promise<CsvTableRow | undefined> {
    const result = await this.rows?.next();
    return result?.done ? undefined : result?.value;
  }
}
