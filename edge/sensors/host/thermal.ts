import { inputKinds, inputSource } from './input.js';
import { channelName, type HostTree, type OpenHostSource } from './source.js';

interface ThermalZone {
  readonly type: string;
  readonly folder: string;
}

/** The temperatures by which the kernel throttles the processor. */
export const openThermal: OpenHostSource = async (host) => {
  const zones = await thermalZones(host);
  const names = new Set<string>();
  const inputs = zones.map(({ type, folder }) => {
    const named = channelName('thermal', type);
    const name = names.has(named) ? channelName('thermal', `${type}-${/\d+$/.exec(folder)?.[0] ?? ''}`) : named;
    names.add(name);
    return { name, kind: inputKinds.temp, file: `${folder}/temp`, labels: { zone: type } };
  });
  return inputSource(host, inputs);
};

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
