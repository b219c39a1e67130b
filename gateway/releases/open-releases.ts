import { readFile } from 'node:fs/promises';
import type { Registry } from 'prom-client';
import { publicConfigKey } from '#core/contract/desired-config.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { OperatorDoorOptions } from '../operator-door.js';
import { PartListener } from './part-listener.js';
import { PartSender } from './part-sender.js';
import { ReleaseFolder } from './release-folder.js';
import type { ReleasesConfig } from './releases-config.js';
import { ReleasesDoor } from './releases-door.js';

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
export function openReleases({ config, data, registry, ...seams }: ReleasesOptions): Releases | undefined {
  const { host, port, publicKeyFile, directory = data?.file('releases'), ...limits } = config;
  if (directory === undefined) return undefined;
  const publicKey = publicKeyFile === undefined ? undefined : () => loadKey(publicKeyFile);
  const folder = new ReleaseFolder({ directory, ...limits, publicKey });
  const sender = new PartSender({ folder, registry, ...limits });
  const door = new ReleasesDoor({ folder, sender, ...limits, ...seams });
  const listener = port === undefined ? undefined : new PartListener({ host, port, sender });
  return { folder, door, parts: listener ? [listener] : [], port: () => listener?.port };
}

async function loadKey(file: string): Promise<ReturnType<typeof publicConfigKey>> {
  try {
    return publicConfigKey(await readFile(file, 'utf8'));
  } catch (cause) {
    const message = `gateway.releases.publicKeyFile cannot be used: ${messageOf(cause)}`;
    throw new FatalError('bad-config', message, { cause });
  }
}
