import { parseJson } from '#core/contract/alert.js';
import { deviceCommandSchema, type DeviceCommandResult } from '#core/contract/device-commands.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Outbox } from '../outbox/outbox.js';

/** Carries a command out; every failure is an answer. */
export async function obey(payload: Uint8Array, outbox: Outbox): Promise<DeviceCommandResult> {
  try {
    const command = parseJson(payload, deviceCommandSchema, 'command');
    if (command.epoch !== outbox.epoch) return refusal(`this outbox has the epoch ${outbox.epoch}`);
    switch (command.type) {
      case 'resend':
        return { ok: true, resent: (await outbox.resend(command.from, command.to)).length };
      case 'new-epoch':
        return await beginEpoch(command.seen, outbox);
    }
  } catch (error) {
    return refusal(messageOf(error));
  }
}

async function beginEpoch(seen: number, outbox: Outbox): Promise<DeviceCommandResult> {
  const { lastSeq } = outbox.status();
  if (seen <= lastSeq) return refusal(`this device gave out ${lastSeq}, so ${seen} may well be its own`);
  if (!outbox.renew) return refusal('this outbox cannot begin a new epoch');
  return { ok: true, epoch: await outbox.renew() };
}

function refusal(error: string): DeviceCommandResult {
  return { ok: false, error };
}
