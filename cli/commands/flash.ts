import { Option, type Command } from 'commander';
import { addDeviceOptions } from '../flash/device-options.js';
import type { FlashIo } from '../flash/flash.js';
import type { RunOptions } from '../flash/options.js';
import { wholeNumber } from '../options.js';
import { arch } from './release.js';

const examples = `
Examples:
  fieldline flash --image raspios.img.xz --out pi-07.img --site plant1 --device pi-07 \\
    --gateway mqtts://gw.example:8883 --ca authority.pem --enrol-token-file pi-07.token
  fieldline flash --image raspios.img.xz --out cards --batch fleet.csv --site plant1 \\
    --gateway mqtts://gw.example:8883 --ca authority.pem --sign-with ca.pem,ca-key.pem
  fieldline flash … --device-node /dev/sdb        (a card in a reader, in the place of --out)
  fieldline flash … --ssh pi@10.0.0.7             (a system that runs already)

What each option means, step by step: docs/flash.md. Secrets come from files, - is standard input.
With --device-node, --yes asks nothing; elsewhere it lets a file be replaced.`;

/** `io` stands for the process, in tests. */
export function addFlash(program: Command, io?: FlashIo): void {
  const command = program
    .command('flash')
    .description('make the card of an edge device, or of a fleet of them, from the image of an operating system')
    .option('--image <file>', 'image of an operating system: .img, .img.xz, .img.gz or .zip')
    .option('--image-sha256 <hex>', 'what the image file must have as its SHA-256')
    .option('--image-member <name>', 'which image, in a zip of several')
    .option('--out <file>', 'file to write; with --batch a folder')
    .option('--batch <file>', 'CSV table: a header of option names, one device a line')
    .option('--device-node <path>', 'write to this card, which must be removable and not mounted')
    .option('--ssh <user@host>', 'install on a system that runs already')
    .option('--ssh-port <n>', 'its port', wholeNumber(1, 65_535))
    .option('--deb', 'write a Debian package for one device');
  addRunOptions(addDeviceOptions(command)).addHelpText('after', examples);
  command.action(async (options: RunOptions & Record<string, unknown>) => {
    const { flash } = await import('../flash/flash.js');
    process.exitCode = await flash(options, io);
  });
}

function addRunOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--arch <arch>',
        'machine that the programs are for: arm64 or armv7l; auto: the image, or the machine, tells',
      )
        .argParser((text: string) => (text === 'auto' ? text : arch(text)))
        .default('auto'),
    )
    .addOption(
      new Option('--format <format>', 'how the image is told of its first boot; auto: the image tells')
        .choices(['auto', 'cloud-init', 'firstrun', 'rpi-preseed'])
        .default('auto'),
    )
    .option(
      '--release-key <file>',
      'of fieldline release keygen; the card takes upgrades signed by it',
      'release-key.pem',
    )
    .option('--release <folder/version>', 'a release that was built before; its public key is then enough')
    .option('--releases <folder>', 'where a release that is built now goes', 'releases')
    .option('--node-runtime <file>', 'Node for the release: a binary, an archive with one, or system')
    .option('--sign-with <ca.pem,ca-key.pem>', 'authority that makes a certificate for each device')
    .option('--sign-days <n>', 'how long such a certificate lasts', wholeNumber(1, 7300), 730)
    .option('--api <url>', 'gateway that is asked for an enrolment token for each device')
    .option('--operator-token-file <file>', 'token for --api, or - (or $FIELDLINE_OPERATOR_TOKEN)')
    .option('--insecure', 'allow a token over mqtt://, in the clear')
    .option('--dry-run', 'say what would be written, and write nothing')
    .option('--verify', 'read all of the copy back, not only what was written into it')
    .option('--sha256', 'tell the SHA-256 of each image too, as sha256sum does; takes longer')
    .option('--yes', 'ask nothing, and replace what is there')
    .option('--json', 'print the result as one JSON value');
}
