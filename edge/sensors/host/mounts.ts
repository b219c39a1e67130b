import { statfs } from 'node:fs/promises';
import type { Reading } from '#core/contract/reading.js';
import { channel, channelName, readAll, sample, type HostTree, type OpenHostSource } from './source.js';

/** How full each watched file system is, in percent of what programs may use, as `df` says it. */
export const openMounts: OpenHostSource = async (host) => {
  const mounts = new Map(host.mounts.map((mount) => [channelName('disk-used', mount), mount]));
  return {
    channels: Object.fromEntries([...mounts].map(([name, mount]) => [name, channel('disk_used', '/100', { mount })])),
    read: () => readAll([...mounts].map(([name, mount]) => usage(host, name, mount))),
  };
};

async function usage(host: HostTree, name: string, mount: string): Promise<Reading[]> {
  const disk = await statfs(host.path(mount));
  const used = disk.blocks - disk.bfree;
  const usable = used + disk.bavail;
  return usable > 0 ? [sample(name, (100 * used) / usable, host.clock.nowUs())] : [];
}
