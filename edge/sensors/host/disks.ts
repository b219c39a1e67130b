import { rateSource } from './counter-rate.js';
import { channel, channelName, type HostTree, type OpenHostSource } from './source.js';

/** /proc/diskstats counts in these, whatever the disk's own sectors are. */
const sectorBytes = 512;

/** Made of memory, of files or of other disks, whose bytes would be counted twice. */
const unreal = /^(loop|ram|zram|dm-|md|sr|fd|nbd)/;

/** Bytes per second read from and written to each whole disk. */
export const openDisks: OpenHostSource = async (host) => {
  const disks = (await host.list('sys/block')).filter((disk) => !unreal.test(disk));
  const channels = disks.flatMap((disk) => [
    [channelName('disk-read', disk), channel('disk_read_rate', 'B/s', { disk })] as const,
    [channelName('disk-write', disk), channel('disk_write_rate', 'B/s', { disk })] as const,
  ]);
  return rateSource(host, Object.fromEntries(channels), () => bytesByChannel(host));
};

/** Lines of: major minor name, reads, merged, sectors read, ms, writes, merged, sectors written, … */
async function bytesByChannel(host: HostTree): Promise<Map<string, number>> {
  const lines = (await host.text('proc/diskstats')).split('\n');
  const counts = new Map<string, number>();
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    counts.set(channelName('disk-read', fields[2] ?? ''), Number(fields[5]) * sectorBytes);
    counts.set(channelName('disk-write', fields[2] ?? ''), Number(fields[9]) * sectorBytes);
  }
  return counts;
}
