import type { BootFile, BootPartition } from '../boot-partition.js';
import type { SystemSetup } from './first-boot.js';
import { textOf } from './mount-point.js';

/** What a first boot put there before, of ours or of another tool's: one card has one first boot. */
const ofFirstBoots =
  /^(systemd\.run(_success_action|_failure_action)?=|systemd\.unit=kernel-command-line\.target$|ds=nocloud)/;
const serialConsole = /^console=(serial0|ttyAMA0|ttyS0)\b/;

/**
 * The kernel's command line, one line, with `added` at its end; and the line as the image had it in `cmdline.txt.orig`,
 * for a person only: the first boot itself changes `root=`, so that nothing may put the old line back.
 */
export function cmdlineFiles(setup: SystemSetup, boot: BootPartition, added: readonly string[]): BootFile[] {
  const original = boot.read('cmdline.txt') ?? new Uint8Array();
  const { wifi } = setup;
  const kept = textOf(boot, 'cmdline.txt')
    .split(/\s+/)
    .filter((word) => word !== '' && !ofFirstBoots.test(word))
    // A sensor on the serial line must not talk to a login prompt.
    .filter((word) => !setup.enable.includes('serial') || !serialConsole.test(word))
    .filter((word) => wifi === undefined || !word.startsWith('cfg80211.ieee80211_regdom='));
  const country = wifi === undefined ? [] : [`cfg80211.ieee80211_regdom=${wifi.country}`];
  const line = [...kept, ...country, ...added].join(' ');
  const files: BootFile[] = [{ path: 'cmdline.txt', bytes: Buffer.from(`${line}\n`) }];
  if (boot.read('cmdline.txt.orig') === undefined) files.push({ path: 'cmdline.txt.orig', bytes: original });
  return files;
}
