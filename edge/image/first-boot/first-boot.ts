import type { BootFile, BootPartition } from '../boot-partition.js';

/**
 * How an image wants to be told of its first boot. `firstrun`: up to Bookworm, a script by `systemd.run=` on the kernel's
 * command line. `cloud-init`: Trixie. `rpi-preseed`: the newest, one TOML file.
 */
export const firstBootFormats = ['cloud-init', 'firstrun', 'rpi-preseed'] as const;
export type FirstBootFormatName = (typeof firstBootFormats)[number];

/** What a person wants of the operating system. What is absent is left as the image has it. */
export interface SystemSetup {
  readonly hostname: string;
  /** Login, and the crypt(3) hash of its password (never the password); without one only keys open it. */
  readonly user?: { readonly name: string; readonly passwordHash?: string };
  readonly sshKeys: readonly string[];
  readonly wifi?: { readonly ssid: string; readonly psk: string; readonly country: string; readonly hidden: boolean };
  /** A static address on the wire or, with `wifi`, on the air; absent: DHCP. */
  readonly network?: {
    readonly address: string;
    readonly gateway: string;
    readonly dns: readonly string[];
  };
  readonly timezone?: string;
  readonly enable: readonly ('i2c' | 'spi' | 'serial' | 'onewire')[];
  /** Makes a first boot of the same card a first boot again only when this changes. */
  readonly instanceId: string;
}

/** One way to tell an image of its first boot; each runs `/fieldline/install.sh` on the boot partition once. */
export interface FirstBootFormat {
  readonly name: FirstBootFormatName;
  /** Whether this image reads it. */
  detect(boot: BootPartition): boolean;
  /** Files to write, those that replace one included (`cmdline.txt`, `config.txt`); pure, so that the same setup gives the same bytes. */
  files(setup: SystemSetup, boot: BootPartition): readonly BootFile[];
}
