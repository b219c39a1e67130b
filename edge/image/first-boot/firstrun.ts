import { checkSetup } from './checked-setup.js';
import { cmdlineFiles } from './cmdline.js';
import { configFiles } from './config-txt.js';
import type { FirstBootFormat } from './first-boot.js';
import { firstrunScript } from './firstrun-script.js';
import { mountPointOf, textOf } from './mount-point.js';

/**
 * Up to Bookworm, and any system with systemd: it runs one script in place of the first ordinary boot, then starts anew.
 * An image of Bookworm that is taken for an older one corrects `/boot/` by itself, at the price of one more start.
 */
export const firstrun: FirstBootFormat = {
  name: 'firstrun',
  detect: (boot) => /(^|\s)root=\S/.test(textOf(boot, 'cmdline.txt')),
  files(setup, boot) {
    checkSetup(setup);
    const added = [
      `systemd.run=${mountPointOf(boot)}/firstrun.sh`,
      'systemd.run_success_action=reboot',
      'systemd.unit=kernel-command-line.target',
    ];
    return [
      ...cmdlineFiles(setup, boot, added),
      ...configFiles(setup, boot),
      { path: 'firstrun.sh', bytes: Buffer.from(firstrunScript(setup)) },
    ];
  },
};
