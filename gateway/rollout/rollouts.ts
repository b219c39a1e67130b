import { logTopics } from '#core/contract/log-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import type { DesiredRelease, SignedRelease } from '#core/contract/release.js';
import { backId, rolloutKey, type RolloutDevice } from '#core/contract/rollout.js';
import { backRelease, isUnderway, RolloutBook, rolloutRecord, type Rollout } from '#core/contract/rollout-book.js';
import { openStage, stateOf } from '#core/contract/rollout-state.js';
import type { EventLog, LogRecord, StoredRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { DesiredReleases } from '../desired/desired-releases.js';
import { CompletenessWatch, type CompletenessOf } from './completeness.js';
import type { FleetBook } from './fleet-book.js';
import { nextSteps, type DeviceFacts, type Step } from './progress.js';

export interface RolloutsOptions {
  readonly log: Pick<EventLog, 'append'>;
  readonly desired: DesiredReleases;
  readonly fleet: FleetBook;
  /** Undefined: nobody here knows the store, and a rollout that needs it cannot begin. */
  readonly completenessOf?: CompletenessOf | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Yields [0, 1): several gateways look at different times, so that mostly one of them acts. */
  readonly random: () => number;
  readonly atOnce: number;
  readonly silentAfterMs: number;
}

const sweepMs = 1000;
/** After something came: what comes with it is seen together. */
const soonMs = 50;
/** One that never comes to rest is a fault; it goes on at the next look. */
const maxStepsAtOnce = 100;

/**
 * Carries rollouts on. All that was decided stands in the log, and what to do next follows from it: a gateway that starts
 * goes on where another was killed, and several may do the same, which is then done once.
 */
export class Rollouts implements Part {
  readonly book: RolloutBook;
  private readonly watch: CompletenessWatch | undefined;
  private ending = new AbortController();
  private running: Promise<void> | undefined;
  private wake: () => void = () => undefined;

  constructor(private readonly options: RolloutsOptions) {
    const { completenessOf } = options;
    this.book = new RolloutBook((key, error) => {
      options.logger.warn({ key, error: messageOf(error) }, 'ignored a record of a rollout');
    });
    this.watch = completenessOf && new CompletenessWatch({ ...options, completenessOf });
  }

  get knowsCompleteness(): boolean {
    return this.watch !== undefined;
  }

  /** Takes a record of `device-events`. */
  learn(record: StoredRecord): void {
    if (this.book.learn(record)) this.wake();
  }

  /** Something about a device changed. */
  noticed(): void {
    this.wake();
  }

  /** The log has been read. */
  start(): Promise<void> {
    if (this.ending.signal.aborted) this.ending = new AbortController();
    this.running ??= this.run(this.ending.signal);
    return Promise.resolve();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.ending.abort();
    this.wake();
    const over = new AbortController();
    await Promise.race([this.running, this.options.clock.sleep(deadlineMs, over.signal)]);
    over.abort();
    this.running = undefined;
  }

  /** Resolves when the log has the records. What is decided next need not wait for its tail. */
  async append(records: readonly LogRecord[]): Promise<void> {
    const heard = records.map(({ key }) => this.book.heardAt(key));
    await this.options.log.append(logTopics.deviceEvents.name, records);
    // Where the log's tail has spoken meanwhile, it knows better.
    for (const [i, record] of records.entries()) {
      if (this.book.heardAt(record.key) === heard[i]) this.book.expect(record);
    }
    this.wake();
  }

  factsOf(
    rollout: Rollout,
    device: DeviceId,
  ): DeviceFacts & { readonly since?: ReturnType<CompletenessWatch['last']> } {
    const { desired, fleet, clock, silentAfterMs } = this.options;
    return {
      desired: desired.desired(device),
      reported: desired.reported(device),
      isOnline: fleet.isOnline(device, clock.nowUs(), silentAfterMs),
      isComplete: this.watch?.holds(rollout.id, device) ?? false,
      since: this.watch?.last(rollout.id, device),
    };
  }

  /** Does what a rollout needs now, until it needs nothing more. */
  async advance(id: string, ending?: AbortSignal): Promise<void> {
    for (let step = 0; step < maxStepsAtOnce && !ending?.aborted; step += 1) {
      const rollout = this.book.get(id);
      if (!rollout) return;
      await this.lookAtPacks(rollout);
      const limits = { atOnce: this.options.atOnce, nowUs: this.options.clock.nowUs() };
      const steps = nextSteps(rollout, (device) => this.factsOf(rollout, device), limits);
      if (steps.length === 0) return;
      for (const one of steps) await this.carryOut(rollout, one);
    }
  }

  private async run(ending: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.options;
    while (!ending.aborted) {
      for (const { id } of this.book.all()) {
        if (ending.aborted) return;
        await this.advance(id, ending).catch((error: unknown) => {
          logger.warn({ rollout: id, error: messageOf(error) }, 'a rollout could not be carried on: trying again');
        });
      }
      const woken = new AbortController();
      this.wake = () => woken.abort();
      await clock.sleep(sweepMs * (0.75 + random() / 2), AbortSignal.any([woken.signal, ending]));
      await clock.sleep(soonMs * (1 + 4 * random()), ending);
    }
  }

  /** Only of the open stage: those before it have passed. */
  private async lookAtPacks(rollout: Rollout): Promise<void> {
    if (!isUnderway(rollout) || !this.watch || !rollout.head.completeness) return;
    const devices = (rollout.devices[openStage(rollout)] ?? []).filter(
      (device) => stateOf(rollout, device, this.factsOf(rollout, device)) === 'confirmed',
    );
    const asked = devices.map((device) => ({ device, session: this.options.fleet.get(device)?.session }));
    await this.watch.look(rollout.id, asked);
  }

  private async carryOut(rollout: Rollout, step: Step): Promise<void> {
    const { logger, desired, clock } = this.options;
    const { id, head } = rollout;
    if (step.do === 'open') {
      logger.info({ rollout: id, stage: step.stage + 1, of: head.stages.length }, 'a stage of a rollout is opened');
      return this.append([rolloutRecord(rolloutKey(id, 'stage', step.stage), { openedUs: clock.nowUs() })]);
    }
    if (step.do === 'end') {
      const { status, reason } = step;
      logger[status === 'done' ? 'info' : 'error']({ rollout: id, reason }, `a rollout is ${status}`);
      return this.append([rolloutRecord(rolloutKey(id, 'end'), { status, reason, atUs: clock.nowUs() })]);
    }
    const releaseOf = { announce: forward, back: backward, clear: () => undefined }[step.do];
    await desired.desire(step.devices.map((device) => ({ device, release: releaseOf(rollout, device) })));
  }
}

function forward({ id, head }: Rollout, { arch }: RolloutDevice): DesiredRelease {
  return desiredOf(head, head.releases[arch]!, id);
}

function backward(rollout: Rollout, { from, arch }: RolloutDevice): DesiredRelease {
  return desiredOf(rollout.head, backRelease(rollout, from, arch)!, backId(rollout.id));
}

function desiredOf({ sources, trialMs }: Rollout['head'], release: SignedRelease, id: string): DesiredRelease {
  return { type: 'fieldline-desired-release', format: 1, release, sources, trialMs, id };
}
