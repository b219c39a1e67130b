import type { BlockOutcome, BlockReader } from './block-reader.js';
import { ModbusException, type ModbusRequest } from './link.js';
import { Rest } from './rest.js';

export interface UnitOutcome extends BlockOutcome {
  /** The block was not asked, or did not answer. */
  readonly onSilent: (block: BlockReader) => void;
  /** Why it did not answer; resolves with whether it is the device's fault. */
  readonly onFailure: (error: unknown) => Promise<boolean>;
}

/**
 * One device of a connection. Some devices stay silent where others refuse, so the blocks that answered last time are
 * asked first, and a silent one is left alone for a growing while. When none answered before the first silence, nor
 * will the others: then the whole device is left alone, and costs a read one timeout at most.
 */
export class ModbusUnit {
  private readonly rest = new Rest();
  private readonly blocks: { readonly reader: BlockReader; readonly rest: Rest; silences: number }[];

  constructor(readers: readonly BlockReader[]) {
    this.blocks = readers.map((reader) => ({ reader, rest: new Rest(), silences: 0 }));
  }

  /** Asks at once for all that was left alone. */
  wake(): void {
    this.rest.end();
    for (const { reader, rest } of this.blocks) {
      rest.end();
      reader.forget();
    }
  }

  async read(
    request: (request: ModbusRequest) => Promise<Buffer>,
    outcome: UnitOutcome,
    nowMs: () => number,
  ): Promise<void> {
    let isDead = !this.rest.isOver(nowMs());
    let hasAnswered = false;
    for (const block of this.blocks.toSorted((a, b) => a.silences - b.silences)) {
      if (isDead || !block.rest.isOver(nowMs())) {
        outcome.onSilent(block.reader);
        continue;
      }
      try {
        await block.reader.read(request, outcome);
        block.rest.end();
        block.silences = 0;
        hasAnswered = true;
      } catch (error) {
        outcome.onSilent(block.reader);
        if (!(await outcome.onFailure(error))) continue;
        isDead ||= this.isDead(error, hasAnswered, nowMs());
        if (isBusy(error)) continue;
        block.silences += 1;
        block.rest.begin(nowMs());
      }
    }
    if (hasAnswered) this.rest.end();
  }

  private isDead(error: unknown, hasAnswered: boolean, nowMs: number): boolean {
    if (isBusy(error)) return true;
    if (!hasAnswered) this.rest.begin(nowMs);
    return !hasAnswered;
  }
}

/** It lives, but has no time now: the next read may find it free. */
function isBusy(error: unknown): boolean {
  return error instanceof ModbusException && (error.code === 5 || error.code === 6);
}
