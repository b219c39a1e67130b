import type { DecodedPack } from '#core/contract/pack.js';
import { resolvePack } from '#core/contract/pack.js';
import type { Logger } from '#core/runtime/logger.js';
import type { ClockFile, ClockState, UnsyncedBoot } from './clock-file.js';

/** Where the outbox stands. */
export interface OutboxNumbers {
  readonly epoch: string;
  readonly lastSeq: number;
  readonly oldestHeld: number;
}

/** What the gateway is told of one boot. */
export interface KnownClock {
  readonly bootId: string;
  readonly offsetUs: number;
  readonly source: 'system' | 'gateway';
  readonly errorUs?: number;
}

/** Of older boots no pack can be left, or so few that they are better parked than remembered. */
const maxBoots = 16;

/**
 * The boots that made packs without knowing the time: which numbers those packs have, whether they are still held back,
 * and what their stamps mean once that is known. What changes is saved at once, or again until it is.
 */
export class UnsyncedBoots {
  private state: ClockState = { floorUs: 0, boots: [] };
  private saved = true;
  /** The last number that a pack of a boot has; only memory, because a restart knows a bound of its own. */
  private readonly lastSeq = new Map<string, number>();

  constructor(
    private readonly file: ClockFile,
    private readonly logger: Logger,
  ) {}

  /** Reads what was remembered. Of a boot that is over and never knew the time nothing can be learnt any more. */
  load(currentBoot: string, outbox: OutboxNumbers): void {
    const { floorUs, boots } = this.file.load();
    const useful = boots.filter(({ bootId, clock }) => clock !== undefined || bootId === currentBoot);
    this.state = { floorUs, boots: useful };
    for (const { bootId } of useful) this.lastSeq.set(bootId, outbox.lastSeq);
  }

  get floorUs(): number {
    return this.state.floorUs;
  }

  find(bootId: string): UnsyncedBoot | undefined {
    return this.state.boots.find((boot) => boot.bootId === bootId);
  }

  /** Of the boots whose clock is known for good: it is on disk. */
  known(): KnownClock[] {
    if (!this.saved) return [];
    return this.state.boots.flatMap(({ bootId, clock }) => (clock ? [{ bootId, ...clock }] : []));
  }

  /** From now on packs of this boot have no time. */
  begin(bootId: string, uptimeUs: number, { epoch, lastSeq }: OutboxNumbers): void {
    const boot = { bootId, epoch, fromSeq: lastSeq + 1, sinceUs: uptimeUs, released: false };
    this.change([...this.state.boots, boot].slice(-maxBoots));
  }

  settle({ bootId, ...clock }: KnownClock): void {
    const boots = this.state.boots.map((boot) => (boot.bootId === bootId && !boot.clock ? { ...boot, clock } : boot));
    this.change(boots);
  }

  release(bootId: string): void {
    this.change(this.state.boots.map((boot) => (boot.bootId === bootId ? { ...boot, released: true } : boot)));
  }

  raiseFloor(floorUs: number): void {
    if (floorUs <= this.state.floorUs) return;
    this.state = { ...this.state, floorUs };
    this.saved = this.file.save(this.state);
  }

  noteSeq(bootId: string, seq: number): void {
    this.lastSeq.set(bootId, Math.max(seq, this.lastSeq.get(bootId) ?? -1));
  }

  /** Tries again what could not be saved. */
  saveAgain(): void {
    if (!this.saved) this.saved = this.file.save(this.state);
  }

  /**
   * The first number that must not leave yet: while the time of a boot is awaited, and until what is decided about its
   * packs is on disk, because they must look the same each time that they are sent.
   */
  heldFrom(bootId: string, { epoch }: OutboxNumbers): number | undefined {
    const boot = this.find(bootId);
    if (!boot || (this.saved && (boot.released || boot.clock))) return undefined;
    return boot.epoch === epoch ? boot.fromSeq : 0;
  }

  /** Whether a pack of this number may have to be given its true times before it is sent. */
  mayResolve(seq: number, { epoch }: OutboxNumbers): boolean {
    return this.state.boots.some((boot) => {
      if (!boot.clock || boot.released) return false;
      // A new epoch has numbered all packs anew.
      return boot.epoch !== epoch || (seq >= boot.fromSeq && seq <= (this.lastSeq.get(boot.bootId) ?? -1));
    });
  }

  /** The pack with its true times; undefined while its boot's clock is not known. */
  resolve(pack: DecodedPack): DecodedPack | undefined {
    if (pack.boot === undefined) return pack;
    const clock = this.find(pack.boot)?.clock;
    return clock && resolvePack(pack, clock.offsetUs);
  }

  /** Whether packs of its boot go out as they were made. */
  isReleased(bootId: string): boolean {
    return this.find(bootId)?.released ?? true;
  }

  /** Forgets boots that are over and of which the outbox holds nothing. */
  forget(currentBoot: string, { epoch, oldestHeld }: OutboxNumbers): void {
    const left = this.state.boots.filter(
      (boot) =>
        boot.bootId === currentBoot || boot.epoch !== epoch || (this.lastSeq.get(boot.bootId) ?? -1) >= oldestHeld,
    );
    if (left.length < this.state.boots.length) this.change(left);
  }

  private change(boots: readonly UnsyncedBoot[]): void {
    this.state = { ...this.state, boots: [...boots] };
    this.saved = this.file.save(this.state);
    this.logger.debug({ boots, saved: this.saved }, 'clock: remembered');
  }
}
