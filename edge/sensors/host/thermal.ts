import { inputKinds, inputSource, type Input } from './input.js';
import { channelName, type HostTree, type OpenHostSource } from './source.js';

interface ThermalZone {
  readonly type: string;
  readonly folder: string;
}

/** The temperatures by which the kernel throttles the processor. */
export const openThermal: OpenHostSource = async (host) => inputSource(host, await thermalInputs(host));

/** The inputs of all zones; their addresses are their types, such as `cpu-thermal`. */
export async function thermalInputs(host: HostTree): Promise<Input[]> {
  const zones = await thermalZones(host);
  const names = new Set<string>();
  return zones.map(({ type, folder }) => {
    const isTaken = names.has(channelName('thermal', type));
    const address = isTaken ? `${type}-${/\d+$/.exec(folder)?.[0] ?? ''}` : type;
    const name = channelName('thermal', address);
    names.add(name);
    return { name, address, kind: inputKinds.temp, file: `${folder}/temp`, labels: { zone: type } };
  });
}

export async function thermalZones(host: HostTree): Promise<ThermalZone[]> {
  const folders = (await host.list('sys/class/thermal')).filter((name) => name.startsWith('thermal_zone'));
  const zones = await Promise.all(
    folders.map(async (name) => {
      const folder = `sys/class/thermal/${name}`;
      return { folder, type: await host.text(folder, 'type').catch(() => '') };
    }),
  );
  return zones.filter(({ type }) => type !== '');
}
