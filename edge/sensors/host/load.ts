import { channel, sample, type OpenHostSource } from './source.js';

const names = ['load-1m', 'load-5m', 'load-15m'] as const;

/** Runnable and waiting tasks, averaged over one, five and fifteen minutes. */
export const openLoad: OpenHostSource = async (host) => {
  await host.text('proc/loadavg');
  return {
    channels: Object.fromEntries(names.map((name) => [name, channel('load_average', 'count')])),
    async read() {
      const fields = (await host.text('proc/loadavg')).split(' ').map(parseFloat);
      const timeUs = host.clock.nowUs();
      return names.flatMap((name, i) => (Number.isFinite(fields[i]) ? [sample(name, fields[i]!, timeUs)] : []));
    },
  };
};
