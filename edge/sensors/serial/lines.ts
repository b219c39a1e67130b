import type { ReadingBuffer } from '../reading-buffer.js';
import type { SerialParser } from './parser.js';

export interface LinesOptions {
  /** What ends a line. */
  readonly lineEnd: string;
  readonly maxLineBytes: number;
  /** Counts what is left out. */
  readonly buffer: ReadingBuffer;
  /** Called with each line that is not empty, without blanks around it. */
  readonly onLine: (line: string, timeUs: number) => void;
}

const nothing = Buffer.alloc(0);

/** Cuts bytes into lines of text. What is left out is counted: `line-too-long`, `partial-line`. */
export class Lines implements SerialParser {
  private held: Buffer = nothing;
  /** Why everything up to the next end of a line is left out. */
  private skipping: 'partial-line' | 'line-too-long' | undefined = 'partial-line';
  private readonly lineEnd: Buffer;

  constructor(private readonly options: LinesOptions) {
    this.lineEnd = Buffer.from(options.lineEnd);
  }

  begin(whole: boolean): void {
    if (this.held.length > 0 && this.skipping !== 'line-too-long') this.options.buffer.drop('partial-line');
    this.held = nothing;
    this.skipping = whole ? undefined : 'partial-line';
  }

  take(chunk: Buffer, timeUs: number): void {
    const data = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    let from = 0;
    for (let end = data.indexOf(this.lineEnd); end >= 0; end = data.indexOf(this.lineEnd, from)) {
      this.endLine(data.subarray(from, end), timeUs);
      from = end + this.lineEnd.length;
    }
    this.hold(data.subarray(from));
  }

  private endLine(bytes: Buffer, timeUs: number): void {
    const { buffer, maxLineBytes, onLine } = this.options;
    const { skipping } = this;
    this.skipping = undefined;
    if (skipping === 'line-too-long') return;
    if (bytes.length > maxLineBytes) return buffer.drop('line-too-long');
    const line = bytes.toString().trim();
    if (line === '') return;
    if (skipping) buffer.drop(skipping);
    else onLine(line, timeUs);
  }

  /** Keeps the beginning of a line; of one that is too long only what may be the beginning of its end. */
  private hold(rest: Buffer): void {
    const tooLong = rest.length > this.options.maxLineBytes;
    if (tooLong && this.skipping !== 'line-too-long') {
      this.options.buffer.drop('line-too-long');
      this.skipping = 'line-too-long';
    }
    const kept = this.skipping === 'line-too-long' ? rest.subarray(-this.lineEnd.length) : rest;
    // The chunk is overwritten by the next one.
    this.held = kept.length === 0 ? nothing : Buffer.from(kept);
  }
}
