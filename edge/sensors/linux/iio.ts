import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Unit } from '#core/contract/units.js';
import { channelName, type HostTree } from '../host/source.js';
import { nothingIn, type FindProbes, type Probe } from './probe.js';

const devices = 'sys/bus/iio/devices';
const inputFile = /^in_(([a-z]+)(?:\d+(?:-[a-z]+\d+)?)?(?:_[a-z0-9]+)*)_(raw|input)$/;

interface IioKind {
  readonly quantity: string;
  readonly unit: Unit;
  /** How many of the kernel's units make one of ours. */
  readonly perUnit: number;
}

/** By the type of the channel: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-bus-iio */
// prettier-ignore
const kinds: Readonly<Record<string, IioKind>> = {
  temp:              { quantity: 'temperature',      unit: 'Cel',   perUnit: 1000 },
  humidityrelative:  { quantity: 'humidity',         unit: '%RH',   perUnit: 1000 },
  pressure:          { quantity: 'pressure',         unit: 'hPa',   perUnit: 0.1 },
  voltage:           { quantity: 'voltage',          unit: 'V',     perUnit: 1000 },
  current:           { quantity: 'current',          unit: 'A',     perUnit: 1000 },
  power:             { quantity: 'power',            unit: 'W',     perUnit: 1000 },
  energy:            { quantity: 'energy',           unit: 'J',     perUnit: 1 },
  resistance:        { quantity: 'resistance',       unit: 'Ohm',   perUnit: 1 },
  electricalconductivity: { quantity: 'conductivity', unit: 'S/m',  perUnit: 1 },
  illuminance:       { quantity: 'illuminance',      unit: 'lx',    perUnit: 1 },
  accel:             { quantity: 'acceleration',     unit: 'm/s2',  perUnit: 1 },
  magn:              { quantity: 'magnetic_field',   unit: 'T',     perUnit: 10_000 },
  angl:              { quantity: 'angle',            unit: 'rad',   perUnit: 1 },
  distance:          { quantity: 'distance',         unit: 'm',     perUnit: 1 },
  velocity:          { quantity: 'velocity',         unit: 'm/s',   perUnit: 1 },
  concentration:     { quantity: 'concentration',    unit: '/100',  perUnit: 1 },
  massconcentration: { quantity: 'mass_concentration', unit: 'kg/m3', perUnit: 1e9 },
};

/** The kind of a channel such as `temp`, `voltage0-voltage1` or `accel_x`; undefined if we know no unit of it. */
export function iioKind(channel: string): IioKind | undefined {
  const type = /^[a-z]+/.exec(channel)?.[0] ?? '';
  return Object.hasOwn(kinds, type) ? kinds[type] : undefined;
}

interface Device {
  readonly folder: string;
  readonly name: string;
  /** What the device hangs on, the same at each boot where `iio:device0` is not. */
  readonly parent: string;
}

/** The converters and sensor chips of the kernel's Industrial I/O. */
export const findIio: FindProbes = async (tree) => {
  const folders = (await tree.list(devices)).filter((name) => name.startsWith('iio:device'));
  const found = await Promise.all(folders.map((name) => findDevice(tree, name)));
  const probes = found.map((device) => {
    const isAlone = found.filter(({ name }) => name === device.name).length === 1;
    return findChannels(tree, device, isAlone ? device.name : `${device.name}-${device.parent}`);
  });
  return (await Promise.all(probes)).flat();
};

async function findDevice(tree: HostTree, name: string): Promise<Device> {
  const folder = `${devices}/${name}`;
  const parent = basename(dirname(await realpath(tree.path(folder))));
  const told = await tree.text(folder, 'name').catch(() => '');
  return { folder, name: told === '' ? name : told, parent: parent === 'devices' ? name : parent };
}

async function findChannels(tree: HostTree, { folder, name: device }: Device, prefix: string): Promise<Probe[]> {
  const files = await tree.list(folder);
  const found = await Promise.all(
    files.map(async (file) => {
      const [, channel, type, form] = inputFile.exec(file) ?? [];
      const kind = channel && iioKind(channel);
      // Where there are both, the input is what the driver computed of the raw one.
      if (!kind || (form === 'raw' && files.includes(`in_${channel}_input`))) return [];
      const convert = form === 'raw' ? await conversion(tree, folder, files, channel, type!) : (raw: number) => raw;
      const address = `${prefix}/${channel}`;
      return [{ channel, kind, file: `${folder}/${file}`, address, convert }];
    }),
  );
  return found.flat().map(({ channel, kind, file, address, convert }) => ({
    address,
    name: channelName(prefix, channel),
    quantity: kind.quantity,
    unit: kind.unit,
    labels: { chip: device },
    bus: folder,
    sample: async () => {
      const raw = await tree.number(file);
      if (!Number.isFinite(raw)) throw nothingIn(file);
      return { value: convert(raw) / kind.perUnit, timeUs: tree.clock.nowUs(), quality: 'good' };
    },
  }));
}

/** (raw + offset) × scale, which stand beside the channel, or once for all of its type. Read once: they are settings. */
async function conversion(
  tree: HostTree,
  folder: string,
  files: readonly string[],
  channel: string,
  type: string,
): Promise<(raw: number) => number> {
  const setting = async (name: string, fallback: number) => {
    const file = [`in_${channel}_${name}`, `in_${type}_${name}`].find((each) => files.includes(each));
    const value = file === undefined ? fallback : await tree.number(folder, file).catch(() => NaN);
    return Number.isFinite(value) ? value : fallback;
  };
  const [offset, scale] = await Promise.all([setting('offset', 0), setting('scale', 1)]);
  return (raw) => (raw + offset) * scale;
}
