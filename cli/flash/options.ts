import type { ReleaseArch } from '#core/contract/release.js';
import type { FirstBootFormatName } from '../../edge/image/first-boot/first-boot.js';
import { UsageError } from '../fail.js';

/** What commander makes of the options that are of the whole run. */
export interface RunOptions {
  image?: string;
  imageSha256?: string;
  imageMember?: string;
  out?: string;
  batch?: string;
  deviceNode?: string;
  ssh?: string;
  sshPort?: number;
  deb?: boolean;
  arch: 'auto' | ReleaseArch;
  format: FirstBootFormatName | 'auto';
  release?: string;
  releaseKey: string;
  releases: string;
  nodeRuntime?: string;
  signWith?: string;
  signDays: number;
  api?: string;
  operatorTokenFile?: string;
  insecure?: boolean;
  dryRun?: boolean;
  verify?: boolean;
  sha256?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Where it all goes. */
export type Target =
  | { readonly kind: 'file'; readonly image: string; readonly out: string }
  | { readonly kind: 'batch'; readonly image: string; readonly table: string; readonly folder: string }
  | { readonly kind: 'node'; readonly image: string; readonly path: string }
  | { readonly kind: 'deb'; readonly out: string }
  | { readonly kind: 'ssh'; readonly target: string };

/** Options that say something of the operating system, which is there already where no image is written. */
const ofTheSystem = [
  'hostname',
  'wifi-ssid',
  'wifi-password-file',
  'wifi-country',
  'wifi-hidden',
  'address',
  'router',
  'dns',
  'user',
  'password-file',
  'ssh-key',
  'timezone',
  'enable',
] as const;

/** Throws UsageError that names every fault. */
export function targetOf(options: RunOptions, said: Readonly<Record<string, unknown>>): Target {
  const faults = faultsOf(options, said);
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  const { image = '', out = '', batch, deviceNode, ssh, deb } = options;
  if (ssh !== undefined) return { kind: 'ssh', target: ssh };
  if (deb) return { kind: 'deb', out };
  if (batch !== undefined) return { kind: 'batch', image, table: batch, folder: out };
  if (deviceNode !== undefined) return { kind: 'node', image, path: deviceNode };
  return { kind: 'file', image, out };
}

function faultsOf(options: RunOptions, said: Readonly<Record<string, unknown>>): string[] {
  const { image, out, batch, deviceNode, ssh, deb = false, arch, api, signWith } = options;
  const isImage = ssh === undefined && !deb;
  const kinds = [
    ...(batch === undefined ? [] : ['--batch']),
    ...(deviceNode === undefined ? [] : ['--device-node']),
    ...(ssh === undefined ? [] : ['--ssh']),
    ...(deb ? ['--deb'] : []),
  ];
  const system = isImage ? [] : ofTheSystem.filter((name) => said[name] !== undefined);
  const rules: readonly (readonly [boolean, string])[] = [
    [kinds.length > 1, `${kinds.join(' and ')} are two things: run the command twice`],
    [isImage && image === undefined, '--image: name the image of an operating system, as raspios.img.xz'],
    [!isImage && image !== undefined, '--image is of no use here: nothing is written but the package or the installer'],
    [kinds.length === 0 && out === undefined, '--out: name the file to write, or a card with --device-node'],
    [batch !== undefined && out === undefined, '--out: name the folder for the images of the batch'],
    [deb && out === undefined, '--out: name the package to write, as pi-07.deb'],
    [deviceNode !== undefined && out !== undefined, '--out and --device-node: one or the other'],
    [ssh !== undefined && out !== undefined, '--out is of no use with --ssh'],
    [deb && arch === 'auto', '--arch: say for which machine the package is, arm64 or armv7l'],
    [system.length > 0, `${system.map((name) => `--${name}`).join(', ')}: the system there is left as it is`],
    [api !== undefined && signWith !== undefined, '--api and --sign-with: one identity is enough'],
    [options.operatorTokenFile !== undefined && api === undefined, '--operator-token-file goes with --api'],
    [!isImage && options.verify === true, '--verify is for images and cards'],
    [(!isImage || deviceNode !== undefined) && options.sha256 === true, '--sha256 is of image files'],
  ];
  return rules.filter(([broken]) => broken).map(([, sentence]) => sentence);
}
