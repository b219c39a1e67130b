import type { Clock } from '#core/runtime/clock.js';
import type { Seal } from './seal.js';
import { stateTimeUs, type StateStore } from './state-store.js';

/** Moves the seal with the clock, and keeps its place durable: after a longer retention is set it must not move back. */
export class SealKeeper {
  constructor(
    private readonly seal: Seal,
    private readonly state: StateStore,
    private readonly clock: Clock,
  ) {}

  async load(): Promise<void> {
    const [stored] = await this.state.load('seal', (row) => Number(row.get('beforeUs')));
    if (stored !== undefined) this.seal.restore(stored);
    await this.keep();
  }

  /** To be called before every batch: an hour's step at most once an hour. */
  async keep(): Promise<void> {
    const nowUs = this.clock.nowUs();
    if (!this.seal.isDue(nowUs)) return;
    this.seal.move(nowUs);
    await this.state.save([`seal beforeUs=${this.seal.beforeUs}i ${stateTimeUs}`]);
  }
}
