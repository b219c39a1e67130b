import { isDeepStrictEqual } from 'node:util';
import type { ReleaseReport } from '#core/contract/release.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { Mutex } from '#core/runtime/mutex.js';
import type { JsonFile } from '../json-file.js';
import type { RunningRelease } from './judge.js';
import { noUpgradeYet, settled, type ReleaseOutcome, type UpgradeState } from './upgrade-state.js';

/** What is said of the newest desired release. */
export type ReleaseNews = Omit<ReleaseReport, 'type' | 'session' | 'timeUs'>;

/** What became of releases, over restarts, and who is told of it. */
export class UpgradeBook {
  /** The release that this program is of; undefined where it was not installed from one. */
  running: RunningRelease | undefined;
  private current: UpgradeState = noUpgradeYet;
  private readonly turn = new Mutex();
  private readonly listeners = new Set<(news: ReleaseNews) => void>();

  constructor(
    private readonly file: JsonFile<UpgradeState>,
    private readonly logger: Logger,
  ) {}

  get state(): UpgradeState {
    return this.current;
  }

  /** Before the first desired release it tells what runs, and on what: a rollout chooses by that. */
  get news(): ReleaseNews | undefined {
    const version = this.running?.manifest.version ?? '';
    return this.newsOf(this.current.outcome ?? { id: '', version, status: 'confirmed' });
  }

  onNews(listener: (news: ReleaseNews) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async load(): Promise<void> {
    this.current = (await this.file.load()) ?? noUpgradeYet;
  }

  /** Resolves when it is safe on the disk. Throws RetryableError; then nothing has changed. */
  update(change: (state: UpgradeState) => UpgradeState): Promise<void> {
    return this.turn.run(async () => {
      const next = change(this.current);
      if (isDeepStrictEqual(next, this.current)) return;
      await this.file.save(next);
      this.current = next;
    });
  }

  /** The same where going on is right even if the disk takes nothing. */
  async note(change: (state: UpgradeState) => UpgradeState): Promise<void> {
    await this.update(change).catch((error: unknown) => {
      this.complain(error);
      this.current = change(this.current);
    });
  }

  /** What is said of a release from now on. */
  async tell(outcome: ReleaseOutcome): Promise<void> {
    await this.note((state) => ({ ...state, outcome }));
    this.announce(outcome);
  }

  /** How it ended. */
  async settle(outcome: ReleaseOutcome): Promise<void> {
    await this.note((state) => settled(state, outcome));
    this.announce(outcome);
  }

  complain(error: unknown): void {
    this.logger.error({ error: messageOf(error) }, 'upgrade: something could not be kept');
  }

  private announce(outcome: ReleaseOutcome): void {
    const news = this.newsOf(outcome);
    if (news) for (const listener of this.listeners) listener(news);
  }

  private newsOf(outcome: ReleaseOutcome): ReleaseNews | undefined {
    if (!this.running) return undefined;
    const { version, arch } = this.running.manifest;
    return { ...outcome, running: version, arch };
  }
}
