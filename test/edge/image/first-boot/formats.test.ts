import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { firstBootOf, firstBoots } from '../../../../edge/image/first-boot/registry.js';
import { bookworm, BootFolder, bullseye, trixie } from '../../../support/boot-folder.js';
import { fullSetup, plainSetup, setups } from '../../../support/system-setups.js';

const images = { bookworm, bullseye, trixie };
const golden = fileURLToPath(new URL('../../../fixtures/first-boot/', import.meta.url));
const cases = [
  ['firstrun', 'bookworm', 'full'],
  ['firstrun', 'bullseye', 'full'],
  ['firstrun', 'bookworm', 'plain'],
  ['firstrun', 'bookworm', 'wire'],
  ['cloud-init', 'trixie', 'full'],
  ['cloud-init', 'trixie', 'plain'],
  ['cloud-init', 'trixie', 'wire'],
  ['rpi-preseed', 'bookworm', 'full'],
  ['cloud-init', 'trixie', 'wifi'],
  ['rpi-preseed', 'bookworm', 'wire'],
  ['rpi-preseed', 'bookworm', 'wifi'],
] as const;

describe.each(cases)('%s on %s, %s', (name, image, setup) => {
  const format = firstBoots.find((known) => known.name === name)!;
  const files = () => format.files(setups[setup], new BootFolder(images[image]));

  test('gives the bytes of the golden files', async () => {
    const paths = [];
    for (const { path, bytes } of files()) {
      paths.push(path);
      await expect(Buffer.from(bytes).toString()).toMatchFileSnapshot(`${golden}${name}-${image}-${setup}/${path}`);
    }
    expect(paths).toEqual([...new Set(paths)]);
  });

  test('gives the same bytes again, and over its own result', () => {
    expect(files()).toEqual(files());
    const boot = new BootFolder(images[image]);
    for (const file of files()) boot.write(file);
    const again = format.files(setups[setup], boot);
    expect(again.filter(({ path, bytes }) => Buffer.compare(boot.read(path)!, bytes) !== 0)).toEqual([]);
    expect(again.map(({ path }) => path)).not.toContain('cmdline.txt.orig');
  });

  test('keeps the command line one line', () => {
    const boot = new BootFolder(images[image]);
    for (const file of files()) boot.write(file);
    expect(Buffer.from(boot.read('cmdline.txt')!).toString()).toMatch(/^[^\n]*root=PARTUUID=12345678-02[^\n]*\n$/);
    expect(Buffer.from(boot.read('cmdline.txt.orig')!).toString()).toBe(images[image]['cmdline.txt']);
  });
});

describe('the registry', () => {
  test.each([
    ['bookworm', bookworm, 'firstrun'],
    ['bullseye', bullseye, 'firstrun'],
    ['trixie', trixie, 'cloud-init'],
    ['one with a file to fill in', { ...trixie, 'rpi-preseed.toml': '' }, 'rpi-preseed'],
  ])('finds what %s reads', (_, image, name) => {
    expect(firstBootOf(new BootFolder(image), 'auto').name).toBe(name);
  });

  test('takes the format that is asked for', () => {
    expect(firstBootOf(new BootFolder(trixie), 'firstrun').name).toBe('firstrun');
  });

  test('refuses an image that tells nothing, with the next step', () => {
    expect(() => firstBootOf(new BootFolder({ 'config.txt': '' }), 'auto')).toThrow(/--format/);
  });
});

describe('the mount point', () => {
  test.each([
    ['bookworm', bookworm, '/boot/firmware/firstrun.sh'],
    ['bullseye', bullseye, '/boot/firstrun.sh'],
    [
      'Debian',
      { 'cmdline.txt': 'root=LABEL=RASPIROOT', 'config.txt': 'kernel=vmlinuz-6.1\ninitramfs initrd.img-6.1\n' },
      '/boot/firmware/firstrun.sh',
    ],
  ])('of %s is where the script is run', (_, image, path) => {
    const files = firstBootOf(new BootFolder(image), 'firstrun').files(plainSetup, new BootFolder(image));
    expect(Buffer.from(files[0]!.bytes).toString()).toContain(` systemd.run=${path} systemd.run_success_action=reboot`);
  });
});

describe('a word of an earlier first boot', () => {
  test('gives way', () => {
    const before = new BootFolder({
      ...trixie,
      'cmdline.txt':
        'root=/dev/mmcblk0p2 systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target ds=nocloud;i=rpi-imager-1 cfg80211.ieee80211_regdom=GB\n',
    });
    const [cmdline] = firstBootOf(before, 'auto').files(fullSetup, before);
    expect(Buffer.from(cmdline!.bytes).toString()).toBe(
      'root=/dev/mmcblk0p2 cfg80211.ieee80211_regdom=DE ds=nocloud;i=fieldline-1f2e3d4c\n',
    );
  });
});
