import { channel, sample, type HostTree, type OpenHostSource } from './source.js';

interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

/** The share of time in which the processors were not idle, since the previous reading: `cpu-load` in percent. */
export const openCpu: OpenHostSource = async (host) => {
  let last = await cpuTimes(host);
  return {
    channels: { 'cpu-load': channel('cpu_load', '/100') },
    async read() {
      const now = await cpuTimes(host);
      const timeUs = host.clock.nowUs();
      const total = now.total - last.total;
      // The kernel lets the iowait in `idle` shrink now and then.
      const idle = Math.max(0, now.idle - last.idle);
      last = now;
      return total > 0 ? [sample('cpu-load', Math.max(0, 100 * (1 - idle / total)), timeUs)] : [];
    },
  };
};

/** The first line of /proc/stat, in ticks: user nice system idle iowait irq softirq steal; guest time is in user. */
async function cpuTimes(host: HostTree): Promise<CpuTimes> {
  const [name, ...fields] = (await host.text('proc/stat')).split('\n', 1)[0]!.split(/\s+/);
  const ticks = fields.slice(0, 8).map(Number);
  const total = ticks.reduce((sum, tick) => sum + tick, 0);
  if (name !== 'cpu' || ticks.length < 4 || !Number.isFinite(total)) throw new Error('/proc/stat has no line of cpu');
  return { idle: ticks[3]! + (ticks[4] ?? 0), total };
}
