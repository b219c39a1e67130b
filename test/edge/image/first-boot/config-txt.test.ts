import { describe, expect, test } from 'vitest';
import { configFiles } from '../../../../edge/image/first-boot/config-txt.js';
import { BootFolder } from '../../../support/boot-folder.js';
import { plainSetup } from '../../../support/system-setups.js';

function edited(text: string, ...enable: ('i2c' | 'spi' | 'serial' | 'onewire')[]): string | undefined {
  const [file] = configFiles({ ...plainSetup, enable }, new BootFolder({ 'config.txt': text }));
  return file && Buffer.from(file.bytes).toString();
}

describe('config.txt', () => {
  test('stays as it is where nothing is wanted', () => {
    expect(edited('dtparam=audio=on')).toBeUndefined();
  });

  test('gets its lines at the end, in one order', () => {
    expect(edited('a=1\n', 'onewire', 'i2c')).toBe('a=1\ndtparam=i2c_arm=on\ndtoverlay=w1-gpio\n');
  });

  test('gets them for every board, after a section for one', () => {
    expect(edited('[pi4]\ndtparam=spi=on', 'spi')).toBe('[pi4]\ndtparam=spi=on\n[all]\ndtparam=spi=on\n');
  });

  test('is not told twice', () => {
    expect(edited('  dtparam=i2c_arm=on \r\n[pi4]\nx=1\n[ALL]\nenable_uart=1\n', 'i2c', 'serial')).toBeUndefined();
  });

  test('takes a comment for what it is', () => {
    expect(edited('#dtparam=i2c_arm=on\n', 'i2c')).toBe('#dtparam=i2c_arm=on\ndtparam=i2c_arm=on\n');
  });
});
