import { halve, type Block, type Slot } from './blocks.js';
import { ModbusException, type ModbusRequest } from './link.js';

export interface BlockOutcome {
  readonly onData: (block: Block, data: Buffer) => void;
  /** The device refused this channel, alone or with all others of its block. */
  readonly onRefused: (slot: Slot, reason: ModbusException) => void;
}

/** After a block of which no part could be read, so many reads ask only for the whole. */
const readsBetweenTrials = 20;

/**
 * One block of the plan, which learns what the device refuses. A block that is refused is halved until the refusal stands
 * alone; if that happens twice in a row, the parts are kept, so that one bad register costs one request a read and spoils
 * no other.
 */
export class BlockReader {
  private parts: readonly Block[];
  private refusals = 0;
  private readsUntilTrial = 0;

  constructor(private readonly block: Block) {
    this.parts = [block];
  }

  get unitId(): number {
    return this.block.unitId;
  }

  get slots(): readonly Slot[] {
    return this.block.slots;
  }

  /** What was learned of the device's refusals counts no longer. */
  forget(): void {
    this.parts = [this.block];
    this.refusals = 0;
    this.readsUntilTrial = 0;
  }

  /** Rejects when the device cannot be asked. */
  async read(request: (request: ModbusRequest) => Promise<Buffer>, outcome: BlockOutcome): Promise<void> {
    const parts: Block[] = [];
    let isRead = false;
    let isRefused = false;
    const hasTrial = (this.readsUntilTrial -= 1) < 0;
    const ask = async (block: Block): Promise<void> => {
      const answer = await request(block).catch(exceptionOf);
      if (!(answer instanceof ModbusException)) {
        outcome.onData(block, answer);
        isRead = true;
      } else {
        isRefused = true;
        if (block.slots.length > 1 && hasTrial) {
          for (const half of halve(block)) await ask(half);
          return;
        }
        for (const slot of block.slots) outcome.onRefused(slot, answer);
      }
      parts.push(block);
    };
    for (const part of this.parts) await ask(part);
    this.learn(parts, isRead, isRefused);
  }

  private learn(parts: readonly Block[], isRead: boolean, isRefused: boolean): void {
    this.refusals = isRefused ? this.refusals + 1 : 0;
    if (!isRefused) this.readsUntilTrial = 0;
    if (!isRead && this.readsUntilTrial < 0) this.readsUntilTrial = readsBetweenTrials;
    if (isRead && this.refusals > 1) this.parts = parts;
  }
}

/** An exception that tells of registers is an answer. */
function exceptionOf(error: unknown): ModbusException {
  if (error instanceof ModbusException && !error.isOfUnit) return error;
  throw error;
}
