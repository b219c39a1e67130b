import { timingSafeEqual } from 'node:crypto';
import { deviceToken } from '#core/runtime/device-token.js';
import type { DeviceId } from '#core/contract/names.js';

/** How connections show who speaks. */
export type AuthMode = 'token' | 'none';

/** Whether the password is this device's token; takes the same time wherever they differ. */
export function isDeviceToken(secret: Uint8Array, device: DeviceId, password: Uint8Array | undefined): boolean {
  const expected = Buffer.from(deviceToken(secret, device));
  // Unequal lengths cannot be compared in constant time; that of a token is no secret.
  return password?.byteLength === expected.byteLength && timingSafeEqual(expected, password);
}
