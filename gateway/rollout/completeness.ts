import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { CompletenessSince, PackMark, RolloutDevice } from '#core/contract/rollout.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';

/** Asks whoever knows the store; undefined while the device is unknown there. Rejects while it cannot be asked. */
export type CompletenessOf = (device: DeviceId, since: PackMark) => Promise<CompletenessSince | undefined>;

export interface CompletenessWatchOptions {
  readonly completenessOf: CompletenessOf;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Watched {
  /** What was sent up to the first look has to be there; what comes after it is on its way. */
  target?: { readonly epoch: string; readonly lastSeq: number };
  last?: CompletenessSince;
  holds: boolean;
  askedMs: number;
}

const againMs = 1000;
const patienceMs = 10_000;
const atOnce = 8;

/**
 * Whether what devices sent since the rollout began is in the store. It is asked after a device is confirmed: the packs
 * that it had made until then, and at least one, must all be there.
 */
export class CompletenessWatch {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly options: CompletenessWatchOptions) {}

  holds(rollout: string, device: DeviceId): boolean {
    return this.watched.get(keyOf(rollout, device))?.holds === true;
  }

  last(rollout: string, device: DeviceId): CompletenessSince | undefined {
    return this.watched.get(keyOf(rollout, device))?.last;
  }

  /** Looks again at those that do not hold yet; `session` is what the gateway heard of each. */
  async look(
    rollout: string,
    devices: readonly { readonly device: RolloutDevice; readonly session: string | undefined }[],
  ): Promise<void> {
    const nowMs = this.options.clock.monotonicMs();
    const due = devices.filter(({ device }) => {
      const watched = this.watched.get(keyOf(rollout, device));
      return !watched?.holds && nowMs - (watched?.askedMs ?? -Infinity) >= againMs;
    });
    const rest = due.values();
    const work = async (): Promise<void> => {
      for (const { device, session } of rest) await this.ask(rollout, device, session);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  /** Of a rollout that is over. */
  forget(rollout: string): void {
    for (const key of this.watched.keys()) if (key.startsWith(`${rollout} `)) this.watched.delete(key);
  }

  private async ask(rollout: string, device: RolloutDevice, session: string | undefined): Promise<void> {
    const { clock, logger, completenessOf } = this.options;
    const key = keyOf(rollout, device);
    const watched = this.watched.get(key) ?? { holds: false, askedMs: 0 };
    this.watched.set(key, watched);
    watched.askedMs = clock.monotonicMs();
    try {
      const since = await inTime(clock, completenessOf(device, { epoch: device.epoch, seq: device.seq ?? -1 }));
      // As long as the cloud tells of the life before the upgrade, it tells nothing of the upgrade.
      if (since && since.session === session) this.judge(watched, since);
    } catch (error) {
      logger.warn({ device: deviceKey(device), error: messageOf(error) }, 'the completeness of a device is not known');
    }
  }

  private judge(watched: Watched, since: CompletenessSince): void {
    watched.last = since;
    if (watched.target?.epoch !== since.epoch) {
      if (since.expected < 1) return;
      watched.target = { epoch: since.epoch, lastSeq: since.lastSeq };
    }
    watched.holds = since.firstMissing === null || since.firstMissing > watched.target.lastSeq;
  }
}

async function inTime<T>(clock: Clock, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(patienceMs, done.signal).then(() => {
    throw new Error('no answer in time');
  });
  late.catch(() => undefined);
  return Promise.race([work, late]).finally(() => done.abort());
}

function keyOf(rollout: string, device: DeviceId): string {
  return `${rollout} ${deviceKey(device)}`;
}
