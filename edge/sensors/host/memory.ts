import { channel, sample, type OpenHostSource } from './source.js';

/** Bytes in use and bytes a new program could have, as /proc/meminfo estimates them. */
export const openMemory: OpenHostSource = async (host) => {
  await host.text('proc/meminfo');
  return {
    channels: {
      'memory-used': channel('memory_used', 'B'),
      'memory-available': channel('memory_available', 'B'),
    },
    async read() {
      const text = await host.text('proc/meminfo');
      const timeUs = host.clock.nowUs();
      const [total, available] = [kibibytes(text, 'MemTotal'), kibibytes(text, 'MemAvailable')];
      if (available === undefined) return [];
      const free = sample('memory-available', available * 1024, timeUs);
      return total === undefined ? [free] : [sample('memory-used', (total - available) * 1024, timeUs), free];
    },
  };
};

function kibibytes(text: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text);
  return match ? Number(match[1]) : undefined;
}
