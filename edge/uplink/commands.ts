import { parseJson } from '#core/contract/alert.js';
import { deviceCommandSchema, type DeviceCommandResult } from '#core/contract/device-commands.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Outbox } from '../outbox/outbox.js';

/** Carries a command out; every failure is an answer. */
export async function obey(payload: Uint8Array, outbox: Outbox): Promise<DeviceCommandResult> {
  try {
    const command = parseJson(payload, deviceCommandSchema, 'command');
    if (command.epoch !== outbox.epoch) return { ok: false, error: `this outbox has the epoch ${outbox.epoch}` };
    return { ok: true, resent: (await outbox.resend(command.from, command.to)).length };
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}
