import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { inputKinds, inputSource, type Input } from './input.js';
import { channelName, type HostTree, type OpenHostSource } from './source.js';
import { thermalZones } from './thermal.js';

const inputFile = /^(temp|fan|in|curr|power|humidity)(\d+)_(input|average)$/;

interface Chip {
  readonly folder: string;
  readonly name: string;
  /** The device behind it, the same at each boot where `hwmon0` is not. */
  readonly device: string;
}

/** The chips that monitor the hardware: temperatures, fans, voltages, currents, powers, humidities. */
export const openHwmon: OpenHostSource = async (host) => inputSource(host, await hwmonInputs(host));

/** The inputs of all chips; their addresses are such as `pwmfan/fan1`. */
export async function hwmonInputs(host: HostTree): Promise<Input[]> {
  const chips = await findChips(host);
  const inputs: Input[] = [];
  const taken = new Set<string>();
  for (const chip of chips) {
    const alone = chips.filter(({ name }) => name === chip.name).length === 1;
    const prefix = alone ? chip.name : `${chip.name}-${chip.device}`;
    inputs.push(...(await chipInputs(host, chip, prefix, taken)));
  }
  return inputs;
}

async function findChips(host: HostTree): Promise<Chip[]> {
  const folders = await host.list('sys/class/hwmon');
  const chips = await Promise.all(folders.map((folder) => findChip(host, `sys/class/hwmon/${folder}`)));
  // The kernel shows each thermal zone as a chip again, with _ for -; and each thermometer of a 1-Wire bus, where reading
  // takes a second and is for those who have asked for it.
  const others = new Set((await thermalZones(host)).map(({ type }) => type.replaceAll('-', '_'))).add('w1_slave_temp');
  return chips.filter((chip) => chip !== undefined).filter(({ name }) => !others.has(name));
}

async function findChip(host: HostTree, folder: string): Promise<Chip | undefined> {
  const name = await host.text(folder, 'name').catch(() => undefined);
  const device = await readlink(host.path(folder, 'device')).catch(() => folder);
  return name === undefined ? undefined : { folder, name, device: basename(device) };
}

async function chipInputs(host: HostTree, chip: Chip, prefix: string, taken: Set<string>): Promise<Input[]> {
  const files = await host.list(chip.folder);
  const inputs: Input[] = [];
  for (const file of files) {
    const [, kind, number, flavour] = inputFile.exec(file) ?? [];
    // Some chips know only the average of a power; most that know it know the power itself.
    if (!kind || (flavour === 'average' && (kind !== 'power' || files.includes(`power${number}_input`)))) continue;
    const label = await host.text(chip.folder, `${kind}${number}_label`).catch(() => '');
    const faultFile = files.includes(`${kind}${number}_fault`) ? `${chip.folder}/${kind}${number}_fault` : undefined;
    inputs.push({
      name: freeName(prefix, label, `${kind}${number}`, taken),
      address: `${prefix}/${kind}${number}`,
      kind: inputKinds[kind as keyof typeof inputKinds],
      file: `${chip.folder}/${file}`,
      labels: { chip: chip.name, ...(label !== '' && { label }) },
      ...(faultFile !== undefined && { faultFile }),
    });
  }
  return inputs;
}

function freeName(prefix: string, label: string, fallback: string, taken: Set<string>): string {
  const labelled = channelName(prefix, label === '' ? fallback : label);
  const name = taken.has(labelled) ? channelName(prefix, fallback) : labelled;
  taken.add(name);
  return name;
}
