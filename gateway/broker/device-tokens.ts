import { timingSafeEqual } from 'node:crypto';
import { deviceToken } from '#core/runtime/device-token.js';
import { isName, type DeviceId } from '#core/contract/names.js';

/** How connections show who speaks. */
export type AuthMode = 'token' | 'none';

/** The device that a user name `<site>/<device>` names; undefined if it names none. */
export function deviceOfUserName(userName: string | undefined): DeviceId | undefined {
  const [site, device, ...rest] = (userName ?? '').split('/');
  return isName(site) && isName(device) && rest.length === 0 ? { site, device } : undefined;
}

/** Whether the password is this device's token; takes the same time wherever they differ. */
export function isDeviceToken(secret: Uint8Array, device: DeviceId, password: Uint8Array | undefined): boolean {
  const expected = Buffer.from(deviceToken(secret, device));
  // Unequal lengths cannot be compared in constant time; that of a token is no secret.
  return password?.byteLength === expected.byteLength && timingSafeEqual(expected, password);
}
