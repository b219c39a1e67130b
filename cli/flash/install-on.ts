import { writeFile, rename } from 'node:fs/promises';
import { deviceKey } from '#core/contract/names.js';
import type { ReleaseArch } from '#core/contract/release.js';
import { messageOf, systemCode } from '#core/runtime/errors.js';
import { debianPackage } from '../../edge/install/deb.js';
import { installFiles } from '../../edge/install/install-files.js';
import { archOverSsh, installOverSsh, type SshOptions } from '../../edge/install/ssh.js';
import { UsageError } from '../fail.js';
import type { FlashResult, FlashRun } from './flash.js';
import { installOf, planned } from './install-setup.js';

/** Installs on a system that is there already: by a Debian package, or over ssh. Throws what these throw. */
export async function installOn(run: FlashRun): Promise<FlashResult> {
  const { target, options, report, release } = run;
  const [device] = run.devices;
  if (!device) throw new UsageError('--device is missing');
  const chosen = await release(await archOf(run), (line) => report.line(line));
  const { version, arch, nodeVersion } = chosen.manifest;
  const { identity, record } = options.dryRun ? planned(device.identity) : await device.identity.make();
  const files = installFiles(installOf(device, chosen, identity));
  const name = deviceKey(device.input);
  const place = target.kind === 'ssh' ? target.target : target.kind === 'deb' ? target.out : '';
  const json = { device: name, release: version, arch, identity: record, place, files: files.map(({ path }) => path) };
  const what = `${name}, release ${version} for ${arch}`;
  if (options.dryRun) return { text: [`would install ${what}: ${place}`], json: { dryRun: true, ...json } };
  if (target.kind === 'ssh') {
    const progress = (line: string) => report.line(`${place}: ${line}`);
    await installOverSsh(files, { ...sshOf(run, target.target), progress });
    return { text: [`installed on ${place}: ${what}`], json };
  }
  const hasRuntime = chosen.manifest.parts.some((part) => part.name === 'runtime');
  const bytes = await debianPackage(files, { version, arch, ...(!hasRuntime && { systemNode: nodeVersion }) });
  await writePackage(place, bytes, options.yes === true);
  return { text: [`${place}: ${what}`], json: { ...json, bytes: bytes.byteLength } };
}

/** A machine that runs is asked what it is; --dry-run asks it as well, and changes nothing there. */
async function archOf(run: FlashRun): Promise<ReleaseArch> {
  const { target, options, report } = run;
  if (options.arch !== 'auto') return options.arch;
  if (target.kind !== 'ssh') throw new UsageError('--arch is missing');
  const arch = await archOverSsh(sshOf(run, target.target));
  report.line(`${target.target}: its programs are for ${arch}`);
  return arch;
}

function sshOf({ options: { sshPort }, signal }: FlashRun, target: string): SshOptions {
  return { target, sshArguments: sshPort === undefined ? [] : ['-p', String(sshPort)], signal };
}

/** It may hold a secret, so it is for its owner alone. */
async function writePackage(file: string, bytes: Uint8Array, overwrite: boolean): Promise<void> {
  const partial = `${file}.partial`;
  try {
    // Claims the name, so that a package that is there is not lost.
    await writeFile(file, '', { mode: 0o600, flag: overwrite ? 'a' : 'wx' });
    await writeFile(partial, bytes, { mode: 0o600, flush: true });
    await rename(partial, file);
  } catch (cause) {
    const isThere = systemCode(cause) === 'EEXIST';
    const why = isThere ? 'it is there already: --yes replaces it' : messageOf(cause);
    throw new UsageError(`cannot write ${file}: ${why}`, { cause });
  }
}
