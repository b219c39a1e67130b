import { access } from 'node:fs/promises';
import { rateSource } from './counter-rate.js';
import { channel, channelName, type HostTree, type OpenHostSource } from './source.js';

/** Loops, tunnels, bridges and the ends of containers: their bytes pass a real interface too, or none. */
const unreal = /^(lo|ifb|veth|docker|br-|virbr|tap|tun|wg|dummy|sit|bond|cni|flannel|cali|vnet|podman)/;

/** Bytes per second received and sent by each real interface. */
export const openNetwork: OpenHostSource = async (host) => {
  const channels = (await realInterfaces(host)).flatMap((name) => [
    [channelName('net-rx', name), channel('network_receive_rate', 'B/s', { interface: name })] as const,
    [channelName('net-tx', name), channel('network_transmit_rate', 'B/s', { interface: name })] as const,
  ]);
  return rateSource(host, Object.fromEntries(channels), () => bytesByChannel(host));
};

/** Those backed by a device; inside a container, where none is, those that do not look virtual. */
async function realInterfaces(host: HostTree): Promise<string[]> {
  const names = (await interfaceLines(host)).map(([name]) => name);
  const candidates = names.filter((name) => !unreal.test(name)).sort();
  const backed = await Promise.all(candidates.map((name) => exists(host.path('sys/class/net', name, 'device'))));
  return backed.includes(true) ? candidates.filter((_, i) => backed[i]) : candidates;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function bytesByChannel(host: HostTree): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const [name, fields] of await interfaceLines(host)) {
    counts.set(channelName('net-rx', name), Number(fields[0]));
    counts.set(channelName('net-tx', name), Number(fields[8]));
  }
  return counts;
}

/** /proc/net/dev: two lines of heading, then `name: rxBytes packets errs drop fifo frame compressed multicast txBytes …` */
async function interfaceLines(host: HostTree): Promise<[name: string, fields: string[]][]> {
  const lines = (await host.text('proc/net/dev')).split('\n').slice(2);
  return lines.map((line) => {
    const [name = '', rest = ''] = line.split(':');
    return [name.trim(), rest.trim().split(/\s+/)];
  });
}
