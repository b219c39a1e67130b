import { ContractError } from '#core/contract/contract-error.js';
import { isClientKey } from '#core/contract/credentials.js';
import { deviceEventKinds, type DeviceEventKind } from '#core/contract/device-events.js';
import { isName, type DeviceId } from '#core/contract/names.js';
import { isRolloutKey } from '#core/contract/rollout.js';
import type { StoredRecord } from '#core/log/log.js';

/** A record of `device-events` with its key taken apart and its JSON read; `body` still has no schema. */
export interface DeviceEvent {
  readonly device: DeviceId;
  readonly kind: DeviceEventKind;
  readonly id: string;
  readonly body: unknown;
}

const kinds: ReadonlySet<string> = new Set(deviceEventKinds);

/** Undefined for a tombstone, and for what is of a client or a rollout and no device. Throws {@link ContractError} for a key or a value that is not ours. */
export function readDeviceEvent(record: StoredRecord): DeviceEvent | undefined {
  if (isClientKey(record.key) || isRolloutKey(record.key)) return undefined;
  const [site, device, kind, id, ...rest] = record.key.split('/');
  if (!isName(site) || !isName(device) || kind === undefined || !kinds.has(kind) || !id || rest.length > 0) {
    throw new ContractError('schema', `not a key of device-events: ${record.key.slice(0, 200)}`);
  }
  if (record.value.byteLength === 0) return undefined;
  try {
    const body: unknown = JSON.parse(Buffer.from(record.value).toString('utf8'));
    return { device: { site, device }, kind: kind as DeviceEventKind, id, body };
  } catch (cause) {
    throw new ContractError('not-json', `${record.key} is not JSON`, { cause });
  }
}
