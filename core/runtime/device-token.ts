import { createHmac } from 'node:crypto';
import { deviceKey, type DeviceId } from '../contract/names.js';

/**
 * The password with which a device speaks for itself: base64url of HMAC-SHA256(secret, `<site>/<device>`), 43 characters.
 * Its user name is `<site>/<device>`. Whoever holds the secret can issue it; the gateway stores no list of devices.
 */
export function deviceToken(secret: Uint8Array, device: DeviceId): string {
  return createHmac('sha256', secret).update(deviceKey(device)).digest('base64url');
}
