import { join } from 'node:path';
import type { ReleasePart } from '#core/contract/release.js';

/** Where releases are installed, under `/opt/fieldline` on a device. */
export function installedPaths(directory: string) {
  const releaseFolder = (version: string) => join(directory, 'releases', version);
  return {
    directory,
    /** Written by the guard. */
    state: join(directory, 'upgrade-state'),
    current: join(directory, 'current'),
    /** What is being unpacked; nothing in it survives the next try. */
    incoming: join(directory, 'incoming'),
    trash: join(directory, 'trash'),
    releaseFolder,
    releaseFile: (version: string) => join(releaseFolder(version), releaseFileName),
    runtimeFolder: ({ sha256 }: Pick<ReleasePart, 'sha256'>) => join(directory, 'runtimes', runtimeName(sha256)),
  };
}
export type InstalledPaths = ReturnType<typeof installedPaths>;

/** Where the agent keeps what it fetched, under `/var/lib/fieldline/upgrade` on a device. */
export function inboxPaths(directory: string) {
  return {
    directory,
    state: join(directory, 'state.json'),
    /** Written last: from then on the guard may take what is here. */
    staged: join(directory, 'staged'),
    release: join(directory, releaseFileName),
    parts: join(directory, 'parts'),
    part: (sha256: string) => join(directory, 'parts', sha256),
    /** What the agent says of the release on trial. */
    confirmed: join(directory, 'confirmed'),
    failed: join(directory, 'failed'),
  };
}
export type InboxPaths = ReturnType<typeof inboxPaths>;

export const releaseFileName = 'release.json';

/** Of a folder with a Node: a name that fits on a line, and is that of one archive only. */
export function runtimeName(sha256: string): string {
  return sha256.slice(0, 16);
}
