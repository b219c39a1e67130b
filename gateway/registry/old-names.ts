import { decodeAlertPack } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { decodePack } from '#core/contract/pack.js';
import type { Decoded } from '../intake/decoded.js';
import type { DeviceMessage } from '../intake/message.js';

/**
 * A pack that hardware made before it got another name, and sends under the new one: packs never change. It goes into the
 * log under the name that it bears, as it would have then. Undefined for what is not such a pack.
 */
export function underOldName(
  { topic, payload }: DeviceMessage,
  { reason }: Decoded,
  isOneDevice: (one: DeviceId, other: DeviceId) => boolean,
): Decoded | undefined {
  if (reason !== 'wrong-identity' || (topic.kind !== 'data' && topic.kind !== 'alert')) return undefined;
  try {
    const decoded = topic.kind === 'data' ? packOf(payload) : alertsOf(payload);
    return isOneDevice(decoded.device, topic) ? decoded.decoded : undefined;
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}

function packOf(payload: Uint8Array): { device: DeviceId; decoded: Decoded } {
  const pack = decodePack(payload);
  const records = [{ key: deviceKey(pack), value: payload }];
  const number = { epoch: pack.epoch, seq: pack.seq };
  const decoded = {
    kind: 'pack',
    topic: logTopics.readings.name,
    records,
    readings: pack.points.length,
    number,
  } as const;
  return { device: pack, decoded };
}

function alertsOf(payload: Uint8Array): { device: DeviceId; decoded: Decoded } {
  const pack = decodeAlertPack(payload);
  const records = [{ key: deviceKey(pack), value: payload }];
  const number = { epoch: pack.epoch, seq: pack.seq };
  return { device: pack, decoded: { kind: 'alert', topic: logTopics.alerts.name, records, readings: 0, number } };
}
