import { pbkdf2Sync } from 'node:crypto';
import { FatalError } from '#core/runtime/errors.js';

/**
 * The key that a WPA passphrase stands for, as 64 hex digits [IEEE 802.11-2020, J.4.1]: the card holds the key of this one
 * network and not a passphrase that may open others. 64 hex digits are such a key already.
 * Throws FatalError `bad-config` for what can be neither; the message does not hold the passphrase.
 */
export function wpaPsk(ssid: string, passphrase: string): string {
  if (/^[0-9a-fA-F]{64}$/.test(passphrase)) return passphrase.toLowerCase();
  if (!/^[ -~]{8,63}$/.test(passphrase)) {
    throw new FatalError(
      'bad-config',
      'the Wi-Fi password must be 8 to 63 printable ASCII characters, or a key of 64 hex digits',
    );
  }
  return pbkdf2Sync(passphrase, Buffer.from(ssid, 'utf8'), 4096, 32, 'sha1').toString('hex');
}
