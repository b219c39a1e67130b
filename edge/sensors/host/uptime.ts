import { channel, sample, type OpenHostSource } from './source.js';

/** Seconds since the host was started. */
export const openUptime: OpenHostSource = async (host) => {
  await host.text('proc/uptime');
  return {
    channels: { uptime: channel('uptime', 's') },
    async read() {
      const seconds = parseFloat(await host.text('proc/uptime'));
      return Number.isFinite(seconds) ? [sample('uptime', seconds, host.clock.nowUs())] : [];
    },
  };
};
