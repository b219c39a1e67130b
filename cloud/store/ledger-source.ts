import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { LedgerSource } from './store.js';

/** Under which name numbers stand in the ledger: that of the device, unless it spoke under another. */
export function ledgerSource(pack: DeviceId & { readonly epoch: string }, source?: LedgerSource): LedgerSource {
  return source ?? `${deviceKey(pack)}/${pack.epoch}`;
}
