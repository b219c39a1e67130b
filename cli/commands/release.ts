import { Argument, Option, type Command } from 'commander';
import { releaseArchs, releaseVersionSchema, type ReleaseArch } from '#core/contract/release.js';
import { environment } from '../environment.js';
import { UsageError } from '../fail.js';
import { openProgress } from '../progress.js';
import type { ReleaseLines } from '../release.js';
import { addReleasePush } from './release-push.js';

interface KeyOptions {
  key: string;
}
interface BuildOptions extends KeyOptions {
  arch: ReleaseArch;
  version?: string;
  out: string;
  nodeRuntime?: string;
  json?: boolean;
}
interface LookOptions extends KeyOptions {
  parts: boolean;
  json?: boolean;
}

const defaultKey = 'release-key.pem';

/** What devices run: made here, signed, and taken by no device under another key. See docs/releases.md. */
export function addRelease(program: Command): void {
  const group = program.command('release').description('releases of the agent that runs on devices');
  addKeygen(group);
  addBuild(group);
  addShow(group);
  addVerify(group);
  addReleasePush(group);
}

function addKeygen(group: Command): void {
  group
    .command('keygen')
    .description('make the pair of keys that signs your releases')
    .option('--key <file>', 'the private key; the public one goes beside it, as <name>.pub.pem', defaultKey)
    .addHelpText('after', '\nExample:\n  fieldline release keygen --key release-key.pem')
    .action(async ({ key }: KeyOptions) => {
      const { keygen } = await import('../release.js');
      say(await keygen(key));
    });
}

function addBuild(group: Command): void {
  group
    .command('build')
    .description('build a release from this checkout, and sign it')
    .addOption(
      new Option('--arch <arch>', 'the board: arm64 (64 bit), armv7l (32 bit), x64')
        .argParser(arch)
        .makeOptionMandatory(),
    )
    .option('--key <file>', 'the private key of `fieldline release keygen`', defaultKey)
    .option('--version <version>', 'its name (default: of this Fieldline, with a hash of what is in it)', version)
    .option('--out <dir>', 'folder of releases', 'releases')
    .option(
      '--node-runtime <file>',
      'a Node for the board, as a binary or .tar.xz, .tar.gz, .tgz; or `system`: that of the device (default: from npm)',
    )
    .option('--json', 'print the result as one JSON value')
    .addHelpText(
      'after',
      `
Examples:
  fieldline release build --arch arm64 --key release-key.pem --version 1.4.0
  fieldline release build --arch armv7l --node-runtime node-v22.21.1-linux-armv7l.tar.xz
  fieldline release build --arch arm64 --node-runtime system

The same sources give the same parts; with SOURCE_DATE_EPOCH set, the same manifest too.`,
    )
    .action(build);
}

async function build({ arch: board, key, out, nodeRuntime, json, version: name }: BuildOptions): Promise<void> {
  const { buildSigned } = await import('../release.js');
  const bar = process.stderr.isTTY ? openProgress(100, '%', process.stderr, () => performance.now()) : undefined;
  const progress = (note: string, fraction = 0) =>
    bar ? bar.update(Math.round(fraction * 100), note) : process.stderr.write(`${note}\n`);
  const wanted = {
    arch: board,
    releases: out,
    version: name,
    nodeRuntime,
    builtUs: environment.sourceDateUs(),
    progress,
  };
  // The bar is over before the result is printed.
  const result = await buildSigned(key, wanted).finally(() => bar?.stop());
  say(result, json);
}

function addShow(group: Command): void {
  looking(group.command('show'), 'fieldline release show releases/1.4.0-arm64.json')
    .description('print what is in a release, or in all of a folder')
    .action(async (path: string, { key, json }: LookOptions) => {
      const { showReleases } = await import('../release.js');
      say(await showReleases(path, key), json);
    });
}

function addVerify(group: Command): void {
  looking(group.command('verify'), 'fieldline release verify releases --key release-key.pub.pem')
    .description('check signatures, and the parts against what was signed; exit code 1 if anything is wrong')
    .action(async (path: string, { key, json }: LookOptions) => {
      const { verifyReleases } = await import('../release.js');
      const result = await verifyReleases(path, key);
      say(result, json);
      if (!result.good) process.exitCode = 1;
    });
}

function looking(command: Command, example: string): Command {
  return command
    .addArgument(new Argument('[path]', 'a manifest, or a folder of releases').default('releases'))
    .option('--key <file>', 'the public key, or the private one', 'release-key.pub.pem')
    .option('--json', 'print the result as one JSON value')
    .addHelpText('after', `\nExample:\n  ${example}`);
}

function say({ lines, result }: ReleaseLines, json = false): void {
  process.stdout.write(`${json ? JSON.stringify(result) : lines.join('\n')}\n`);
}

/** The boards that people name otherwise, or that cannot be. */
/** Throws UsageError that says which boards there are releases for. */
export function arch(text: string): ReleaseArch {
  const known = releaseArchs.find((name) => name === text);
  if (known) return known;
  if (/^armv6|^armel$/.test(text)) {
    throw new UsageError(
      'armv6 (Raspberry Pi 1 and Zero) is not supported: Node gave it up; take a Pi Zero 2 W, Pi 3 or later',
    );
  }
  if (/^(arm|armhf|armv7|arm32)$/.test(text)) throw new UsageError(`${text}: 32-bit ARM boards are called armv7l`);
  if (/^(aarch64|armv8)$/.test(text)) throw new UsageError(`${text}: 64-bit ARM boards are called arm64`);
  throw new UsageError(`there is no release for ${text}; known: ${releaseArchs.join(', ')}`);
}

function version(text: string): string {
  if (releaseVersionSchema.safeParse(text).success) return text;
  throw new UsageError('a version has 1 to 64 letters, digits and . + _ -, and begins and ends with a letter or digit');
}
