import { isUnit, type Unit } from '../../contract/units.js';
import { tidyNumber } from './tidy-number.js';

/** A unit as `factor × (value - zero)` of the first unit of its family. */
interface Scale {
  readonly factor: number;
  readonly zero: number;
}

/** Units that only sensors speak: SenML has none of them, so they can be converted from, never to. */
export const foreignUnits = [
  ...['degF', 'bar', 'mbar', 'kPa', 'psi', 'mmHg', 'inHg', 'kn', 'mi/h', 'ft', 'in', 'MW', 'MWh', 'mW'],
  ...['kJ', 'MJ', 'l', 'l/min', 'l/s', 'm3/h', 'uA', 'uV', 'kV', 'GB', 'lb', 't', 'us', 'd', 'ft/min'],
] as const;
export type ForeignUnit = (typeof foreignUnits)[number];
export type AnyUnit = Unit | ForeignUnit;

const times = (factor: number): Scale => ({ factor, zero: 0 });

/** Families of units of one dimension; within one everything can be converted. */
const families: readonly Partial<Record<AnyUnit, Scale>>[] = [
  { Cel: times(1), K: { factor: 1, zero: 273.15 }, degF: { factor: 5 / 9, zero: 32 } },
  { W: times(1), kW: times(1e3), MW: times(1e6), mW: times(1e-3) },
  { VA: times(1), kVA: times(1e3) },
  { J: times(1), Wh: times(3600), kWh: times(3.6e6), MWh: times(3.6e9), kJ: times(1e3), MJ: times(1e6) },
  {
    ...{ Pa: times(1), hPa: times(100), kPa: times(1e3), bar: times(1e5), mbar: times(100) },
    ...{ psi: times(6894.757293168), mmHg: times(133.322387415), inHg: times(3386.388640341) },
  },
  {
    ...{ 'm/s': times(1), 'km/h': times(1 / 3.6), 'mm/h': times(1e-3 / 3600), 'm/h': times(1 / 3600) },
    ...{ kn: times(1852 / 3600), 'mi/h': times(0.44704), 'ft/min': times(0.3048 / 60) },
  },
  {
    ...{ m: times(1), mm: times(1e-3), cm: times(1e-2), km: times(1e3), ft: times(0.3048), in: times(0.0254) },
  },
  { '/': times(1), '/100': times(1e-2), ppm: times(1e-6) },
  { A: times(1), mA: times(1e-3), uA: times(1e-6) },
  { V: times(1), mV: times(1e-3), uV: times(1e-6), kV: times(1e3) },
  { Hz: times(1), MHz: times(1e6), '1/s': times(1), '1/min': times(1 / 60), 'beat/min': times(1 / 60) },
  { s: times(1), ms: times(1e-3), us: times(1e-6), min: times(60), h: times(3600), d: times(86_400) },
  { B: times(1), kB: times(1e3), MiB: times(1_048_576), GB: times(1e9), bit: times(1 / 8) },
  { 'B/s': times(1), 'MB/s': times(1e6), 'bit/s': times(1 / 8) },
  { kg: times(1), g: times(1e-3), lb: times(0.45359237), t: times(1e3) },
  { m3: times(1), l: times(1e-3) },
  { 'm3/s': times(1), 'l/s': times(1e-3), 'l/min': times(1e-3 / 60), 'm3/h': times(1 / 3600) },
  { rad: times(1), deg: times(Math.PI / 180) },
];

export function isAnyUnit(text: string): text is AnyUnit {
  return isUnit(text) || (foreignUnits as readonly string[]).includes(text);
}

/** Turns a value of one unit into that of another. Throws RangeError if they do not measure the same thing. */
export function unitConversion(from: AnyUnit, to: Unit): (value: number) => number {
  if (from === to) return (value) => value;
  const family = families.find((each) => each[from] && each[to]);
  if (!family) throw new RangeError(`${from} cannot be converted to ${to}`);
  const [source, target] = [family[from]!, family[to]!];
  const greatest = Math.max(Math.abs(source.zero), Math.abs(target.zero));
  return (value) => tidyNumber(((value - source.zero) * source.factor) / target.factor + target.zero, greatest);
}
