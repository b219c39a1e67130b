import type { Registry } from 'prom-client';
import type { DecodedPack } from '#core/contract/pack.js';
import { isUptimeStamp, resolveStamp, uptimeStamp } from '#core/contract/uptime-stamps.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import type { WallTrust } from '#core/runtime/wall-trust.js';
import type { Boot } from './boot.js';
import { StampLives } from './stamp-lives.js';
import type { Timeline } from './timeline.js';
import type { KnownClock, OutboxNumbers, UnsyncedBoots } from './unsynced-boots.js';

export interface DeviceClockOptions {
  /** The system's clock, right or wrong. */
  readonly system: Clock;
  readonly boot: Boot;
  readonly trust: Pick<WallTrust, 'trusts'>;
  readonly boots: UnsyncedBoots;
  /** Asked from the start on: the outbox is started before the clock. */
  readonly outbox: () => OutboxNumbers;
  /** How long packs wait for the clock, from the first process of a boot on. */
  readonly holdMs: number;
  readonly buildTimeUs: number;
  readonly logger: Logger;
  readonly registry?: Registry;
}

/** `unknown`; `system`: the system's clock is right; `reckoned`: it may not be, the time goes on from what was known once. */
export type ClockSource = 'unknown' | 'system' | 'reckoned';

export interface ClockStatus {
  readonly source: ClockSource;
  /** Whether packs wait in the outbox because the time is not known. */
  readonly holding: boolean;
}

/** How often it is looked whether the clock has become known, or was set. */
const lookMs = 500;
/** A longer correction is a step. */
const stepUs = 1e6;
const floorEveryMs = 3_600_000;

/**
 * The clock of a device that may not know the time.
 *
 * While nobody knows it, it shows the stamps of `uptimeStamp`. It becomes known, once and for good, as soon as the
 * system's clock is to be trusted, or the gateway tells the time, or an earlier process of this boot knew it. After
 * that it follows the system's clock, its steps too; as long as that is not to be trusted, it goes on from what was known
 * by the monotonic clock.
 */
export class DeviceClock implements Clock, Timeline, Part {
  private source: ClockSource = 'unknown';
  /** Of the newest look, or of what was told: time = offset + uptime. */
  private offsetUs = NaN;
  /** Stamps that this process gave while the time was unknown end here; NaN if it gave none. */
  private unknownToUs = NaN;
  private startedAtUs = NaN;
  private firstOffsetUs = NaN;
  private nextFloorMs = 0;
  private readonly lives = new StampLives();
  private readonly stepListeners = new Set<Parameters<Timeline['onStep']>[0]>();
  private readonly newsListeners = new Set<() => void>();
  private stopping: AbortController | undefined;

  /** See {@link DeviceClockOptions}; another value holds at once. */
  holdMs: number;

  constructor(private readonly options: DeviceClockOptions) {
    const { registry } = options;
    this.holdMs = options.holdMs;
    if (!registry) return;
    const help = '1 while the device knows the time';
    observe(registry, 'fieldline_edge_clock_known', help, () => Number(this.source !== 'unknown'));
    const held = '1 while packs wait in the outbox because the device does not know the time';
    observe(registry, 'fieldline_edge_clock_holding', held, () => Number(this.status().holding));
  }

  nowUs(): number {
    const uptimeUs = this.options.boot.uptimeUs();
    if (this.source === 'unknown') return uptimeStamp(uptimeUs);
    if (this.source === 'reckoned') return this.lives.place(this.offsetUs + uptimeUs);
    const timeUs = this.options.system.nowUs();
    // Told before anything is stamped with it.
    if (Math.abs(timeUs - uptimeUs - this.offsetUs) > stepUs) this.become('system', timeUs - uptimeUs);
    return this.lives.place(timeUs);
  }

  monotonicMs(): number {
    return this.options.system.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.options.system.sleep(ms, signal);
  }

  get unsyncedBoot(): string | undefined {
    return this.source === 'unknown' ? this.options.boot.id : undefined;
  }

  stamp(timeUs: number): number {
    // False for NaN, so for a device that has always known the time.
    const isOurs = isUptimeStamp(timeUs) && timeUs <= this.unknownToUs && timeUs >= uptimeStamp(this.startedAtUs);
    return isOurs ? resolveStamp(timeUs, this.firstOffsetUs) : timeUs;
  }

  noteUnsynced(seq: number): void {
    this.options.boots.noteSeq(this.options.boot.id, seq);
  }

  onStep(listener: Parameters<Timeline['onStep']>[0]): () => void {
    this.stepListeners.add(listener);
    return () => this.stepListeners.delete(listener);
  }

  /** Calls back when packs need to wait no longer, or there is a clock to tell; until the returned function is called. */
  onNews(listener: () => void): () => void {
    this.newsListeners.add(listener);
    return () => this.newsListeners.delete(listener);
  }

  status(): ClockStatus {
    return { source: this.source, holding: this.stopping !== undefined && this.heldFrom() !== undefined };
  }

  /** The clocks of boots of which the outbox may hold packs without a time. */
  knownClocks(): KnownClock[] {
    return this.options.boots.known();
  }

  /** The first pack number that must not leave yet. */
  heldFrom(): number | undefined {
    const { boots, boot, outbox } = this.options;
    return boots.heldFrom(boot.id, outbox());
  }

  mayResolve(seq: number): boolean {
    return this.options.boots.mayResolve(seq, this.options.outbox());
  }

  /** The pack as it is to be sent: with its true times, unless it may have been sent without. */
  asSent(pack: DecodedPack): DecodedPack {
    const { boots } = this.options;
    if (pack.boot === undefined || boots.isReleased(pack.boot)) return pack;
    return boots.resolve(pack) ?? pack;
  }

  /** The pack with its true times; undefined as long as they are not known. */
  resolved(pack: DecodedPack): DecodedPack | undefined {
    return this.options.boots.resolve(pack);
  }

  /** The least that the time can be: certificates that expired before it have expired. */
  get floorUs(): number {
    return Math.max(this.options.buildTimeUs, this.options.boots.floorUs);
  }

  /** What certificates are to be judged by, where the system's clock is certainly behind the time; otherwise undefined. */
  certificateTime(): { timeUs: number; exact: boolean } | undefined {
    if (this.options.system.nowUs() >= this.floorUs) return undefined;
    const exact = this.source !== 'unknown';
    return { timeUs: exact ? this.nowUs() : this.floorUs, exact };
  }

  /** Whether the gateway should be asked for the time. */
  get wantsTime(): boolean {
    return this.source !== 'system';
  }

  /** Microseconds since the boot. */
  uptimeUs(): number {
    return this.options.boot.uptimeUs();
  }

  async start(): Promise<void> {
    if (this.stopping) return;
    const { boots, boot, outbox, logger } = this.options;
    this.stopping = new AbortController();
    this.startedAtUs = boot.uptimeUs();
    boots.load(boot.id, outbox());
    boots.forget(boot.id, outbox());
    this.look();
    const remembered = boots.find(boot.id)?.clock;
    if (this.source === 'unknown' && remembered) this.become('reckoned', remembered.offsetUs);
    if (this.source === 'unknown') {
      if (!boots.find(boot.id)) boots.begin(boot.id, boot.uptimeUs(), outbox());
      const hint = 'if this machine’s clock is right, set edge.clock.trust: system';
      logger.warn({ boot: boot.id }, `clock: the time is not known yet, readings wait for it; ${hint}`);
    }
    void this.watch(this.stopping.signal);
  }

  async stop(): Promise<void> {
    if (!this.stopping) return;
    this.stopping.abort();
    this.stopping = undefined;
    if (this.source !== 'unknown') this.options.boots.raiseFloor(this.nowUs());
  }

  /**
   * The gateway says that the monotonic clock stood at 0 at `offsetUs`, wrong by `errorUs` at most. True if it was
   * believed: not where the system's clock is right, and not a time that is over for certain.
   */
  learn(offsetUs: number, errorUs: number): boolean {
    if (!this.wantsTime) return false;
    const nowUs = offsetUs + this.options.boot.uptimeUs();
    if (nowUs < this.floorUs) {
      this.options.logger.error({ nowUs, floorUs: this.floorUs }, 'clock: the gateway told a time that is over');
      return false;
    }
    // What is within the error may be the better time already.
    if (this.source === 'reckoned' && Math.abs(offsetUs - this.offsetUs) <= errorUs) return true;
    this.become('reckoned', offsetUs, errorUs);
    return true;
  }

  private async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sleep(lookMs, signal);
      if (!signal.aborted) this.look();
    }
  }

  private look(): void {
    const { system, boot, trust, boots } = this.options;
    const offsetUs = system.nowUs() - boot.uptimeUs();
    if (this.source === 'system' || trust.trusts(system.nowUs())) this.become('system', offsetUs);
    const wasHolding = this.heldFrom() !== undefined;
    boots.saveAgain();
    if (wasHolding) this.releaseInTime();
    if (wasHolding && this.heldFrom() === undefined) this.tellNews();
    if (this.source !== 'unknown') this.raiseFloor();
  }

  private become(source: Exclude<ClockSource, 'unknown'>, offsetUs: number, errorUs?: number): void {
    const before = { source: this.source, offsetUs: this.offsetUs };
    const { boot, boots, logger } = this.options;
    this.source = source;
    this.offsetUs = offsetUs;
    if (before.source !== 'unknown') {
      if (Math.abs(offsetUs - before.offsetUs) > stepUs) this.step(offsetUs - before.offsetUs, false);
      return;
    }
    this.unknownToUs = uptimeStamp(boot.uptimeUs());
    const remembered = boots.find(boot.id);
    this.firstOffsetUs = remembered?.clock?.offsetUs ?? offsetUs;
    if (remembered && !remembered.clock) {
      const told = errorUs === undefined ? { source: 'system' as const } : { source: 'gateway' as const, errorUs };
      boots.settle({ bootId: boot.id, offsetUs, ...told });
    }
    logger.info({ source, offsetUs, errorUs }, 'clock: the time is known');
    this.step(resolveStamp(0, this.firstOffsetUs), true);
    this.tellNews();
  }

  private releaseInTime(): void {
    const { boots, boot, logger } = this.options;
    const { holdMs } = this;
    const waiting = boots.find(boot.id);
    if (!waiting || waiting.clock || waiting.released) return;
    if (boot.uptimeUs() - waiting.sinceUs < holdMs * 1000) return;
    boots.release(boot.id);
    logger.warn({ holdMs }, 'clock: still unknown; readings go out without a time, and wait in the cloud for it');
  }

  private raiseFloor(): void {
    const nowMs = this.monotonicMs();
    if (nowMs < this.nextFloorMs) return;
    this.nextFloorMs = nowMs + floorEveryMs;
    const { boots, boot, outbox } = this.options;
    boots.raiseFloor(this.nowUs());
    boots.forget(boot.id, outbox());
  }

  private step(byUs: number, becameKnown: boolean): void {
    if (this.stepListeners.size > 0) this.options.logger.info({ byUs }, 'clock: was set');
    for (const listener of this.stepListeners) listener(byUs, becameKnown);
  }

  private tellNews(): void {
    for (const listener of this.newsListeners) listener();
  }
}
