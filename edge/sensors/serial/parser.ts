import { scaled, toValue, type ChannelConfig, type ValueType } from '../channel-shape.js';
import type { ReadingBuffer } from '../reading-buffer.js';

/** Makes readings of the bytes of a line, however they are cut into chunks. */
export interface SerialParser {
  /** Takes what arrived at `timeUs`. The chunk is only valid during the call. */
  take(chunk: Buffer, timeUs: number): void;
  /** What was begun will not be continued. `whole`: what comes next begins at a beginning, and not in a middle. */
  begin(whole: boolean): void;
}

/** What the parser needs to know of a channel. */
type RecordChannel = Pick<ChannelConfig, 'name' | 'scale' | 'offset'> & { readonly type: ValueType };

/**
 * Makes readings of what a record says of each channel. What cannot be read counts as one reading: nobody knows better.
 */
export class RecordSink {
  constructor(
    private readonly channels: readonly RecordChannel[],
    readonly buffer: ReadingBuffer,
  ) {}

  /**
   * `found` has what was found for each channel in their order, undefined for nothing; it is only valid during the call.
   * What is no value of its type is left out as `bad-value`; a record that has nothing of any channel as `no-values`.
   */
  push(found: readonly unknown[], timeUs: number): void {
    let any = false;
    for (let i = 0; i < this.channels.length; i += 1) {
      if (found[i] === undefined) continue;
      any = true;
      const channel = this.channels[i]!;
      const raw = toValue(found[i], channel.type);
      const value = typeof raw === 'number' ? scaled(raw, channel) : raw;
      if (value === undefined) this.buffer.drop('bad-value');
      else this.buffer.push({ sensor: channel.name, timeUs, value, quality: 'good' });
    }
    if (!any) this.buffer.drop('no-values');
  }

  garbage(): void {
    this.buffer.drop('garbage');
  }
}
