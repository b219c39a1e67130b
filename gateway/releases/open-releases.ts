import { readFile } from 'node:fs/promises';
import type { Registry } from 'prom-client';
import { publicConfigKey } from '#core/contract/desired-config.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { OperatorDoorOptions } from '../operator-door.js';
import { PartListener } from './part-listener.js';
import { PartSender } from './part-sender.js';
import { PartsDoor } from './parts-door.js';
import { ReleaseFolder } from './release-folder.js';
import type { ReleasesConfig } from './releases-config.js';
import { ReleasesDoor } from './releases-door.js';

export interface PartsOptions {
  readonly config: ReleasesConfig & { readonly directory: string };
  readonly registry: Registry;
  /** The secret of the operator's token. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
}

export interface ReleasesOptions extends OperatorDoorOptions {
  readonly config: ReleasesConfig;
  readonly data?: Pick<DataDirectory, 'file'> | undefined;
  readonly registry: Registry;
}

export interface Releases {
  readonly folder: ReleaseFolder;
  readonly door: ReleasesDoor;
  readonly parts: readonly Part[];
  /** Known after the start; undefined without a port of its own. */
  port(): number | undefined;
}

/** Undefined where the configuration names no folder and there is none to make one in. */
export function openReleases({ config, data, ...seams }: ReleasesOptions): Releases | undefined {
  const { host, port, directory = data?.file('releases') } = config;
  if (directory === undefined) return undefined;
  const { folder, sender, door: parts } = openParts({ ...seams, config: { ...config, directory } });
  const door = new ReleasesDoor({ folder, parts, ...seams });
  const listener = port === undefined ? undefined : new PartListener({ host, port, sender });
  return { folder, door, parts: listener ? [listener] : [], port: () => listener?.port };
}

/** The folder, and who carries its parts in and out: also where another process of the same folder does the rest. */
export function openParts({ config, registry, secret, clock }: PartsOptions) {
  const { publicKeyFile, ...rest } = config;
  const publicKey = publicKeyFile === undefined ? undefined : () => loadKey(publicKeyFile);
  const folder = new ReleaseFolder({ ...rest, publicKey, clock });
  const sender = new PartSender({ ...rest, folder, registry });
  return { folder, sender, door: new PartsDoor({ ...rest, folder, sender, secret }) };
}

async function loadKey(file: string): Promise<ReturnType<typeof publicConfigKey>> {
  try {
    return publicConfigKey(await readFile(file, 'utf8'));
  } catch (cause) {
    const message = `gateway.releases.publicKeyFile cannot be used: ${messageOf(cause)}`;
    throw new FatalError('bad-config', message, { cause });
  }
}
