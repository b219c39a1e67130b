import { crc32 } from '#core/runtime/crc32.js';
import { parseJson } from '#core/contract/alert.js';
import { deviceCommandSchema, type DeviceCommand, type DeviceCommandResult } from '#core/contract/device-commands.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import type { Outbox } from '../outbox/outbox.js';
import type { CommandJournal } from './command-journal.js';

export interface CommandsOptions {
  readonly outbox: Outbox;
  readonly journal: CommandJournal;
  readonly clock: Pick<Clock, 'nowUs'>;
  readonly logger: Logger;
  /** Whether the clock may be believed. Default true. */
  readonly isClockKnown?: () => boolean;
  readonly restartSensor?: (name: string) => Promise<void>;
  readonly status?: () => Record<string, unknown>;
}

type NewEpoch = Extract<DeviceCommand, { type: 'new-epoch' }>;

/**
 * Carries commands out, each at most once: that it is begun is on disk before it is. Every failure is an answer, and a
 * repeated delivery gets the answer of the first. Refusals that changed nothing (unreadable, a clock not yet known) are
 * not kept, so that the same command may come again.
 */
export class Commands {
  readonly #underWay = new Map<string, Promise<DeviceCommandResult>>();

  constructor(private readonly options: CommandsOptions) {}

  /** `session` is that of the connection on which the command came. */
  obey(id: string, payload: Uint8Array, session?: string): Promise<DeviceCommandResult> {
    const underWay = this.#underWay.get(id);
    if (underWay) return underWay;
    const result = this.#obey(id, payload, session)
      .catch((error: unknown) => refusal(messageOf(error)))
      .finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, result);
    return result;
  }

  async #obey(id: string, payload: Uint8Array, session: string | undefined): Promise<DeviceCommandResult> {
    const { journal, logger } = this.options;
    const known = await journal.find(id);
    if (known) return known.result ?? refusal('it was begun before a restart, and whether it was done is not known');
    const command = parseJson(payload, deviceCommandSchema, 'command');
    if (command.expiresUs !== undefined && !(this.options.isClockKnown?.() ?? true)) {
      return refusal('it expires, and this device does not know the time yet');
    }
    await journal.begin(id);
    const result = await this.#carryOut(command, session).catch((error: unknown) => refusal(messageOf(error)));
    await journal.end(id, result).catch((error: unknown) => {
      logger.error({ id, error: messageOf(error) }, 'the answer to a command could not be kept');
    });
    return result;
  }

  async #carryOut(command: DeviceCommand, session: string | undefined): Promise<DeviceCommandResult> {
    const { clock, restartSensor, status, outbox } = this.options;
    if (command.expiresUs !== undefined && clock.nowUs() > command.expiresUs) return refusal('it has expired');
    switch (command.type) {
      case 'resend':
        if (command.epoch !== outbox.epoch) return refusal(`this outbox has the epoch ${outbox.epoch}`);
        return { ok: true, resent: (await outbox.resend(command.from, command.to)).length };
      case 'new-epoch':
        if (command.epoch !== outbox.epoch) return refusal(`this outbox has the epoch ${outbox.epoch}`);
        return this.#beginEpoch(command, session);
      case 'restart-sensor':
        if (!restartSensor) return refusal('there are no sensors here');
        await restartSensor(command.name);
        return { ok: true };
      case 'report-status':
        return { ok: true, status: status?.() ?? {} };
    }
  }

  async #beginEpoch({ seen, conflict, ...command }: NewEpoch, session?: string): Promise<DeviceCommandResult> {
    const { outbox } = this.options;
    const { lastSeq } = outbox.status();
    // What this connection has said stands, even if the device has given out higher numbers since.
    const isAnswer = session !== undefined && command.session === session;
    if (seen <= lastSeq && !isAnswer && !(await this.#isAnother(conflict))) {
      return refusal(`this device gave out ${lastSeq}, so ${seen} may well be its own`);
    }
    if (!outbox.renew) return refusal('this outbox cannot begin a new epoch');
    return { ok: true, epoch: await outbox.renew() };
  }

  /** Whether the pack that this device has under the number is another than the gateway's. */
  async #isAnother(conflict: NewEpoch['conflict']): Promise<boolean> {
    const own = conflict && (await this.options.outbox.payloadOf?.(conflict.seq));
    return own !== undefined && crc32(own) !== conflict!.crc32;
  }
}

function refusal(error: string): DeviceCommandResult {
  return { ok: false, error };
}
