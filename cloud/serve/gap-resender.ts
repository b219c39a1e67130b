import { createHash } from 'node:crypto';
import { Counter, type Registry } from 'prom-client';
import type { CommandRecord } from '#core/contract/command-record.js';
import { deviceEventKey } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { SequenceRange } from '#core/contract/sequence-ranges.js';
import type { EventLog, LogRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { ingestGroup, ingestTopics } from '../ingest/ingest.js';
import type { SeriesStore } from '../store/store.js';
import { rangesOf } from './device-view.js';
import type { Fleet } from './fleet.js';
import type { FleetDevice } from './fleet-device.js';

export interface GapResenderOptions {
  readonly log: EventLog;
  readonly store: Pick<SeriesStore, 'ledger'>;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** How long numbers must be missing before they are asked for; 0: they never are. */
  readonly afterMs: number;
}

/** Numbers that a device says it holds and has sent, and that the store lacks. */
interface Gap {
  readonly epoch: string;
  readonly missing: readonly SequenceRange[];
  readonly sinceMs: number;
  /** How often it was asked for: what does not come then is not to be had. */
  readonly asked: number;
}

/** Devices asked in one round, and numbers asked of one. */
const maxDevices = 10;
const maxNumbers = 1000;
const maxAsked = 3;
/** Records not yet stored: while there are more, what is missing may well be among them. */
const maxLag = 1000;

/**
 * Asks devices again for packs that they were told had arrived, and that are not in the store: lost behind the gateway,
 * or with a store that was restored. What a device has not sent yet comes by itself.
 */
export class GapResender implements Part {
  private readonly gaps = new Map<string, Gap>();
  private readonly asked: Counter;
  private ending = new AbortController();
  private looking: Promise<void> | undefined;

  constructor(private readonly options: GapResenderOptions) {
    this.asked = new Counter({
      name: 'fieldline_fleet_resends_total',
      help: 'Times that a device was asked to send packs again which the store lacks',
      registers: [options.registry],
    });
  }

  start(): Promise<void> {
    if (this.options.afterMs === 0) return Promise.resolve();
    if (this.ending.signal.aborted) this.ending = new AbortController();
    this.looking ??= this.lookOften(this.ending.signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.looking;
    this.looking = undefined;
  }

  /** One round. Throws what the store and the log throw. */
  async look(): Promise<void> {
    const { log, store, fleet, clock } = this.options;
    if (!fleet.ready() || (await log.lag(ingestGroup, ingestTopics)) > maxLag) return this.gaps.clear();
    const ledger = await store.ledger();
    const records: LogRecord[] = [];
    const known = new Set<string>();
    for (const device of fleet.devices()) {
      const key = deviceKey(device.id);
      known.add(key);
      const missing = this.missingOf(device, ledger);
      const order = this.judge(key, missing, clock.monotonicMs(), records.length < maxDevices);
      if (order) records.push(this.commandOf(device, order));
    }
    for (const key of this.gaps.keys()) if (!known.has(key)) this.gaps.delete(key);
    if (records.length === 0) return;
    await log.append(logTopics.deviceEvents.name, records);
    this.asked.inc(records.length);
  }

  /** What the device holds and the store lacks; undefined while that cannot be told. */
  private missingOf(device: FleetDevice, ledger: Awaited<ReturnType<SeriesStore['ledger']>>) {
    const { fleet } = this.options;
    const beat = device.lastBeat();
    if (!beat || !fleet.online(device)) return undefined;
    const stored = rangesOf(fleet.registrations.namesOf(device.id), beat.epoch, ledger);
    // Nothing at all: it is in quarantine, or waits for its clock, and sending it again would not help.
    if (!stored) return undefined;
    const missing = beat.oldestHeld > beat.lastSeq ? [] : stored.missing(beat.oldestHeld, beat.lastSeq);
    return { epoch: beat.epoch, missing, pending: beat.pending };
  }

  /** What to ask for now. */
  private judge(
    key: string,
    found: (Pick<Gap, 'epoch' | 'missing'> & { readonly pending: number }) | undefined,
    nowMs: number,
    mayAsk: boolean,
  ): Gap | undefined {
    const before = this.gaps.get(key);
    if (!found || found.missing.length === 0) return void this.gaps.delete(key);
    const still = before?.epoch === found.epoch ? common(before.missing, found.missing) : [];
    if (!before || still.length === 0) return void this.gaps.set(key, { ...found, sinceMs: nowMs, asked: 0 });
    const dueMs = before.sinceMs + this.options.afterMs * 2 ** before.asked;
    // What is pending comes by itself; which numbers that are nobody says, but how many.
    if (count(still) <= found.pending || nowMs < dueMs || !mayAsk || before.asked >= maxAsked) return undefined;
    this.gaps.set(key, { ...found, sinceMs: nowMs, asked: before.asked + 1 });
    return { ...before, missing: still };
  }

  private commandOf({ id }: FleetDevice, { epoch, missing, asked }: Gap): LogRecord {
    const { clock, logger, afterMs } = this.options;
    const [from, last] = missing[0]!;
    const to = Math.min(last, from + maxNumbers - 1);
    const givenUs = clock.nowUs();
    const untilUs = givenUs + Math.round(afterMs * 2 ** (asked + 1) * 1000);
    const command = { type: 'resend', epoch, from, to } as const;
    const record: CommandRecord = { type: 'command', command, givenUs, by: 'fieldline', untilUs };
    // The same for all processes that look, so that the device does it once.
    const name = createHash('sha256').update(`${epoch} ${from} ${to} ${asked}`).digest('hex').slice(0, 16);
    logger.warn(
      { device: deviceKey(id), epoch, from, to },
      'the store lacks packs that the device holds: asking again',
    );
    return { key: deviceEventKey(id, 'command', `gap-${name}`), value: Buffer.from(JSON.stringify(record)) };
  }

  private async lookOften(ending: AbortSignal): Promise<void> {
    const { afterMs, clock, logger } = this.options;
    while (!ending.aborted) {
      await clock.sleep(Math.min(30_000, afterMs / 4), ending);
      if (ending.aborted) return;
      await this.look().catch((error: unknown) => {
        logger.warn({ error: messageOf(error) }, 'whether packs are missing cannot be told now');
      });
    }
  }
}

function count(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** The numbers that are in both. */
function common(one: readonly SequenceRange[], other: readonly SequenceRange[]): SequenceRange[] {
  const ranges = one.flatMap(([from, to]) =>
    other.map(([otherFrom, otherTo]) => [Math.max(from, otherFrom), Math.min(to, otherTo)] as const),
  );
  return ranges.filter(([from, to]) => from <= to);
}
