//  release topic ─► read, verify, judge ─► fetch parts ─► staged ─► stop; the guard installs it and starts it
//                         └─► refused                                 └─► on trial ─┬─► data acknowledged: confirmed
//                                                                                   └─► given up: the guard goes back
import { rm } from 'node:fs/promises';
import type { KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ContractError } from '#core/contract/contract-error.js';
import { readRelease, type DesiredRelease, type ReleaseManifest } from '#core/contract/release.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { Mutex } from '#core/runtime/mutex.js';
import type { JsonFile } from '../json-file.js';
import { isVerdict, markConfirmed, markFailed, readGuardState, stage, type GuardState } from './guard-state.js';
import { writeDurably } from './durable-files.js';
import { fetchRelease, type FetchOptions } from './fetch-release.js';
import { judge, readDesired, versionOf, type RunningRelease } from './judge.js';
import type { InboxPaths, InstalledPaths } from './layout.js';
import { readRunning } from './running-release.js';
import { insist, runTrial } from './trial.js';
import { UpgradeBook, type ReleaseNews } from './upgrade-book.js';
import type { ReleaseOutcome, UpgradeState } from './upgrade-state.js';

export type { ReleaseNews } from './upgrade-book.js';

export interface UpgradeOptions extends Pick<FetchOptions, 'ca' | 'keepFreeBytes' | 'maxBytesPerSecond' | 'stallMs'> {
  readonly publicKey: KeyObject;
  readonly allowOlder: boolean;
  readonly installed: InstalledPaths;
  readonly inbox: InboxPaths;
  readonly file: JsonFile<UpgradeState>;
  /** Whether the gateway acknowledged data that this process made. */
  readonly isProven: () => boolean;
  /** Ends this process in good order; whoever started it starts the guard, and then the agent, anew. */
  readonly restart: (reason: string) => void;
  readonly clock: Clock;
  /** Yields [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface UpgradeStatus {
  /** Undefined where this program was not installed from a release. */
  readonly running: string | undefined;
  readonly outcome: ReleaseOutcome | undefined;
  /** Of what is fetched now. */
  readonly progress: { readonly haveBytes: number; readonly ofBytes: number; readonly trouble?: string } | undefined;
}

const longestReason = 1000;
/** A guard that takes no notice so often is not there. */
const maxStarts = 3;
/** Between two tries to have a release installed. */
const retryStagedMs = 30_000;

/**
 * Brings the release that the retained release topic wants onto this device: fetches it, hands it to the guard, and in the
 * new program says whether it may stay. Only the guard installs; this runs without the right to.
 */
export class Upgrade implements Part {
  readonly #book: UpgradeBook;
  readonly #turn = new Mutex();
  #stopping = new AbortController();
  #isStarted = false;
  #fetching:
    { readonly desired: DesiredRelease; readonly over: AbortController; readonly done: Promise<void> } | undefined;
  #progress: UpgradeStatus['progress'];
  /** While a release is on trial; what is desired meanwhile waits. */
  #trial: Promise<void> | undefined;
  #waiting: Uint8Array | undefined;

  constructor(private readonly options: UpgradeOptions) {
    this.#book = new UpgradeBook(options.file, options.logger);
  }

  get news(): ReleaseNews | undefined {
    return this.#book.news;
  }

  /** Calls back with each piece of news until the returned function is called. */
  onNews(listener: (news: ReleaseNews) => void): () => void {
    return this.#book.onNews(listener);
  }

  status(): UpgradeStatus {
    return {
      running: this.#book.running?.manifest.version,
      outcome: this.#book.state.outcome ?? undefined,
      progress: this.#progress,
    };
  }

  /** Finds out how the last upgrade ended; a release on trial begins, or goes on with, its trial. */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#stopping = new AbortController();
    const { installed, logger } = this.options;
    await this.#book.load();
    const running = (this.#book.running = await readRunning(installed));
    if (!running) {
      logger.warn({ path: installed.current }, 'upgrade: this program was not installed from a release: it takes none');
      return;
    }
    await this.#hearGuard(await readGuardState(installed), running.manifest);
  }

  async stop(deadlineMs: number): Promise<void> {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#stopping.abort();
    this.#fetching?.over.abort();
    const patience = new AbortController();
    const work = Promise.all([this.#trial, this.#fetching?.done, this.#turn.run(() => Promise.resolve())]);
    await Promise.race([work, this.options.clock.sleep(deadlineMs, patience.signal)]);
    patience.abort();
  }

  /** A message of the release topic. Resolves when it is refused, or when work on it has begun. */
  receive(payload: Uint8Array): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#trial) this.#waiting = payload;
      else await this.#take(payload);
    });
  }

  async #take(payload: Uint8Array): Promise<void> {
    if (!this.#isStarted || !this.#book.running) return;
    // The wish was taken back; what runs goes on.
    if (payload.byteLength === 0) return this.#leaveFetching();
    const desired = readDesired(payload);
    if (desired instanceof Error) return this.#refuse({ id: '', version: '' }, desired);
    try {
      await this.#wish(desired, readRelease(desired.release, this.options.publicKey), this.#book.running);
    } catch (error) {
      await this.#leaveFetching();
      await this.#refuse({ id: desired.id, version: versionOf(desired.release) }, error);
    }
  }

  async #wish(desired: DesiredRelease, manifest: ReleaseManifest, running: RunningRelease): Promise<void> {
    const { allowOlder } = this.options;
    const known = judge({ desired, manifest, running, settled: this.#book.state.settled, allowOlder });
    if (known) {
      await this.#leaveFetching();
      const isNews = !this.#book.state.settled.some((one) => isDeepStrictEqual(one, known));
      return known.status === 'confirmed' && isNews ? this.#settle(known) : this.#book.tell(known);
    }
    const { staged } = this.#book.state;
    if (staged?.id === desired.id && staged.version === manifest.version) return;
    if (this.#fetching && isDeepStrictEqual(this.#fetching.desired, desired)) return;
    await this.#leaveFetching();
    await this.#book.tell({ id: desired.id, version: manifest.version, status: 'fetching' });
    const over = new AbortController();
    this.#fetching = { desired, over, done: this.#fetch(desired, manifest, over.signal) };
  }

  async #leaveFetching(): Promise<void> {
    this.#fetching?.over.abort();
    await this.#fetching?.done;
    this.#fetching = undefined;
    this.#progress = undefined;
  }

  /** Fetches, stages and asks for the restart. Never rejects. */
  async #fetch(desired: DesiredRelease, manifest: ReleaseManifest, signal: AbortSignal): Promise<void> {
    const { logger, installed, inbox } = this.options;
    const name = { id: desired.id, version: manifest.version };
    let told: string | undefined;
    const onTrouble = (reason: string): void => {
      if (this.#progress) this.#progress = { ...this.#progress, trouble: reason };
      // The same trouble again and again is told once.
      if (reason !== told) void this.#book.tell({ ...name, status: 'fetching', reason: (told = reason) });
    };
    const onProgress = (haveBytes: number, ofBytes: number): void => {
      this.#progress = { haveBytes, ofBytes };
    };
    try {
      const work = { ...this.options, desired, manifest, installed, inbox, signal, onTrouble, onProgress };
      await fetchRelease(work);
      if (signal.aborted) return;
      await this.#stage(desired, manifest);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RejectedError) await this.#settle({ ...name, status: 'refused', reason: messageOf(error) });
      else logger.error({ error: messageOf(error) }, 'upgrade: failed; it begins again with the next connection');
    } finally {
      this.#progress = undefined;
      if (this.#fetching?.desired === desired) this.#fetching = undefined;
    }
  }

  async #stage({ id, release, trialMs }: DesiredRelease, { version }: ReleaseManifest): Promise<void> {
    const { inbox, restart, random } = this.options;
    const nonce = Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join('');
    await this.#book.update((state) => ({ ...state, staged: { nonce, id, version, starts: 0 } }));
    await writeDurably(inbox.release, JSON.stringify(release));
    await stage(inbox, { nonce, id, version, trialMs });
    restart(`release ${version} is ready to be installed`);
  }

  async #hearGuard(guard: GuardState | undefined, running: ReleaseManifest): Promise<void> {
    if (guard?.status === 'trial' && guard.version === running.version) return this.#resumeTrial(guard);
    const { staged, settled: known } = this.#book.state;
    const isAnswer = guard !== undefined && guard.nonce === staged?.nonce;
    // What this program remembers may have been lost.
    const isNews =
      guard !== undefined && !staged && !known.some(({ id, version }) => id === guard.id && version === guard.version);
    if ((isAnswer || isNews) && isVerdict(guard.status)) {
      const { id, version, status } = guard;
      const reason = guard.reason === '' ? {} : { reason: guard.reason.slice(0, longestReason) };
      return this.#settle({ id, version, status, ...reason });
    }
    if (!staged) return;
    const { version, id } = staged;
    const starts = staged.starts + 1;
    if (starts >= maxStarts) {
      return this.#settle({
        id,
        version,
        status: 'refused',
        reason: `the guard did not install it in ${starts} starts`,
      });
    }
    await this.#book.update((state) => ({ ...state, staged: { ...staged, starts } }));
    const { clock, restart } = this.options;
    const { signal } = this.#stopping;
    void clock
      .sleep(retryStagedMs, signal)
      .then(() => signal.aborted || restart(`release ${version} is not installed yet`));
  }

  async #resumeTrial(guard: GuardState): Promise<void> {
    const { id, version, nonce } = guard;
    // The mark is on the disk, and the guard has not looked since.
    const isOver = this.#book.state.settled.some(
      (one) => one.id === id && one.version === version && one.status === 'confirmed',
    );
    if (isOver && this.#book.state.staged === null) return;
    await this.#book.tell({ id, version, status: 'trying' });
    const usedMs = this.#book.state.trial?.nonce === nonce ? this.#book.state.trial.usedMs : 0;
    this.#trial = this.#try(guard, usedMs).catch((error: unknown) => {
      this.options.logger.error({ error: messageOf(error) }, 'upgrade: the trial ended with a fault');
    });
  }

  async #try({ nonce, id, version, trialMs }: GuardState, usedMs: number): Promise<void> {
    const { inbox, isProven, clock, restart } = this.options;
    const keep = (so: number) => this.#book.note((state) => ({ ...state, trial: { nonce, usedMs: so } }));
    const isGood = await runTrial({ trialMs, usedMs, isProven, keep, clock, stopping: this.#stopping.signal });
    if (isGood === undefined) return;
    if (!isGood) {
      const reason = `the gateway acknowledged no data of it within ${trialMs / 1000} s`;
      await markFailed(inbox, nonce, reason).catch((error: unknown) => this.#book.complain(error));
      return restart(`release ${version} is given up: ${reason}`);
    }
    const { signal } = this.#stopping;
    await insist(() => markConfirmed(inbox, nonce), { clock, signal, onError: (error) => this.#book.complain(error) });
    if (signal.aborted) return;
    await this.#settle({ id, version, status: 'confirmed' });
    this.#trial = undefined;
    const waiting = this.#waiting;
    if (waiting) void this.receive(waiting);
  }

  /** An upgrade has come to its end: what was fetched for it goes. */
  async #settle(outcome: ReleaseOutcome): Promise<void> {
    const { inbox, logger } = this.options;
    const { status, version, reason } = outcome;
    const level = status === 'confirmed' ? 'info' : 'error';
    logger[level]({ version, reason }, `upgrade: ${status}`);
    await this.#book.settle(outcome);
    for (const path of [inbox.staged, inbox.release, inbox.parts]) {
      await rm(path, { recursive: true, force: true }).catch((error: unknown) => this.#book.complain(error));
    }
  }

  async #refuse(name: Pick<ReleaseOutcome, 'id' | 'version'>, error: unknown): Promise<void> {
    if (!(error instanceof ContractError || error instanceof RejectedError)) return this.#book.complain(error);
    const reason = messageOf(error).slice(0, longestReason);
    this.options.logger.error({ ...name, reason }, 'upgrade: refused');
    await this.#book.tell({ ...name, status: 'refused', reason });
  }
}
