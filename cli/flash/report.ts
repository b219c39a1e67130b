import type { Writable } from 'node:stream';
import { openProgress, type Progress } from '../progress.js';

/** Tells a person what goes on: a line for each step, and a bar or a line now and then while it takes long. */
export class StepReport {
  private bar: { readonly key: string; readonly progress: Progress } | undefined;

  constructor(
    private readonly stream: NodeJS.WriteStream | Writable,
    private readonly nowMs: () => number,
  ) {}

  line(text: string): void {
    this.end();
    this.stream.write(`${text}\n`);
  }

  /** How far a step has come; nothing is shown where the whole is not known. */
  update(what: string, doneBytes: number, totalBytes: number): void {
    if (!(totalBytes > 0)) return;
    const key = `${what} ${totalBytes}`;
    if (this.bar?.key !== key) {
      this.end();
      this.bar = { key, progress: openProgress(mb(totalBytes), 'MB', this.stream, this.nowMs) };
    }
    this.bar.progress.update(mb(doneBytes), what);
  }

  end(): void {
    this.bar?.progress.stop();
    this.bar = undefined;
  }
}

/** Whole megabytes, at least one. */
export function mb(bytes: number): number {
  return Math.max(1, Math.round(bytes / 1e6));
}
