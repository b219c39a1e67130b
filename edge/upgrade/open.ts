import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { publicConfigKey } from '#core/contract/desired-config.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { EdgeConfig } from '../config.js';
import { JsonFile } from '../json-file.js';
import { pinnedAuthority } from '../pinned-authority.js';
import { inboxPaths, installedPaths } from './layout.js';
import { Upgrade, type UpgradeOptions } from './upgrade.js';
import { upgradeStateSchema } from './upgrade-state.js';

export type UpgradeParts = Pick<UpgradeOptions, 'isProven' | 'restart' | 'clock' | 'random' | 'logger'>;

/** Undefined where the configuration allows no upgrades. Throws FatalError `bad-config` for a key that is none. */
export function openUpgrade({ upgrade, gateway }: EdgeConfig, parts: UpgradeParts): Upgrade | undefined {
  if (!upgrade) return undefined;
  const { publicKeyFile, directory, installDirectory, ...rest } = upgrade;
  const inbox = inboxPaths(directory);
  const { ca } = pinnedAuthority(gateway);
  return new Upgrade({
    ...rest,
    ...parts,
    publicKey: publicKeyOf(publicKeyFile),
    // Parts may lie at the gateway, whose authority is pinned, or anywhere.
    ca: ca === undefined ? undefined : [ca, ...rootCertificates],
    installed: installedPaths(installDirectory),
    inbox,
    file: new JsonFile(inbox.state, upgradeStateSchema, parts.logger),
  });
}

function publicKeyOf(file: string) {
  try {
    return publicConfigKey(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new FatalError('bad-config', `edge.upgrade.publicKeyFile: ${messageOf(cause)}`, { cause });
  }
}
