import { describe, expect, test } from 'vitest';
import { wpaPsk } from '../../../../edge/image/first-boot/wpa-psk.js';

describe('wpaPsk', () => {
  // IEEE 802.11-2020, J.4.2.
  test.each([
    ['IEEE', 'password', 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e'],
    ['ThisIsASSID', 'ThisIsAPassword', '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af'],
    ['Z'.repeat(32), 'a'.repeat(32), 'becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62'],
  ])('makes the key of the standard for %s', (ssid, passphrase, psk) => {
    expect(wpaPsk(ssid, passphrase)).toBe(psk);
  });

  test('takes the bytes of an SSID, not its letters', () => {
    expect(wpaPsk('Büro', 'password')).not.toBe(wpaPsk('Buro', 'password'));
    expect(wpaPsk('Büro', 'password')).toMatch(/^[0-9a-f]{64}$/);
  });

  test('leaves a key as it is', () => {
    expect(wpaPsk('any', 'AB'.repeat(32))).toBe('ab'.repeat(32));
  });

  test.each(['', 'short77', 'x'.repeat(64), 'Größe der Welt', 'tab\tinside'])(
    'refuses %j without repeating it',
    (bad) => {
      expect(() => wpaPsk('any', bad)).toThrow(/8 to 63 printable ASCII characters/);
      if (bad !== '') expect(() => wpaPsk('any', bad)).not.toThrow(bad);
    },
  );
});
