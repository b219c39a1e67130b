import { isUnit, type Unit } from '#core/contract/units.js';
import { isAnyUnit, unitConversion, type AnyUnit, type ForeignUnit } from '#core/signal/filters/unit-scales.js';
import type { PropertyValue } from './payload.js';

/** How the values of a metric become values in a unit of the SenML registry. */
export interface MetricUnit {
  /** A unit of the registry; or, where it is not known, the text that the metric says. */
  readonly unit: string;
  readonly convert?: (value: number) => number;
}

/** The keys under which edge nodes write a unit, in lower case. The specification names none; `engUnit` is Ignition's. */
const unitKeys = new Set(['engunit', 'engunits', 'engineeringunit', 'engineeringunits', 'unit', 'units', 'uom']);

/** What people write for units, beside the symbols of SenML. C and F: in a plant a temperature, never coulomb or farad. */
// prettier-ignore
const spellings = new Map<string, AnyUnit>(Object.entries({
  C: 'Cel', '°C': 'Cel', '℃': 'Cel', degC: 'Cel', 'deg C': 'Cel', celsius: 'Cel', Celsius: 'Cel',
  F: 'degF', '°F': 'degF', '℉': 'degF', 'deg F': 'degF', Fahrenheit: 'degF', kelvin: 'K',
  '%': '/100', '%rh': '%RH', '% RH': '%RH', RH: '%RH', rpm: '1/min', RPM: '1/min', '°': 'deg', degrees: 'deg',
  ohm: 'Ohm', ohms: 'Ohm', 'Ω': 'Ohm', 'µA': 'uA', 'µV': 'uV', 'µs': 'us', volt: 'V', volts: 'V', Volts: 'V',
  amp: 'A', amps: 'A', Amps: 'A', watt: 'W', watts: 'W', VAR: 'var', kWH: 'kWh', KWH: 'kWh',
  'm²': 'm2', 'm³': 'm3', 'm^2': 'm2', 'm^3': 'm3', 'm/s²': 'm/s2', 'm/s^2': 'm/s2', 'm³/h': 'm3/h', 'm³/s': 'm3/s',
  'kg/m³': 'kg/m3', 'W/m²': 'W/m2', L: 'l', 'L/min': 'l/min', 'L/s': 'l/s', lpm: 'l/min', 'km/h': 'km/h', kph: 'km/h',
  mph: 'mi/h', sec: 's', seconds: 's', minutes: 'min', hours: 'h', hr: 'h', PSI: 'psi', Bar: 'bar', lux: 'lx', PPM: 'ppm',
} satisfies Record<string, AnyUnit>));

/** What the units are converted to that SenML does not have. */
// prettier-ignore
const registered = {
  degF: 'Cel', bar: 'Pa', mbar: 'hPa', kPa: 'Pa', psi: 'Pa', mmHg: 'Pa', inHg: 'hPa', kn: 'm/s', 'mi/h': 'm/s', ft: 'm',
  in: 'mm', MW: 'kW', MWh: 'kWh', mW: 'W', kJ: 'J', MJ: 'J', l: 'm3', 'l/min': 'm3/s', 'l/s': 'm3/s', 'm3/h': 'm3/s',
  uA: 'mA', uV: 'mV', kV: 'V', GB: 'MiB', lb: 'kg', t: 'kg', us: 'ms', d: 'h', 'ft/min': 'm/s',
} satisfies Record<ForeignUnit, Unit>;

/** The unit of a metric by its properties; undefined if they name none. */
export function metricUnit(properties: ReadonlyMap<string, PropertyValue>): MetricUnit | undefined {
  for (const [key, value] of properties) {
    if (typeof value === 'string' && unitKeys.has(key.toLowerCase().replaceAll(/[ _-]/g, '')))
      return unitOf(value.trim());
  }
  return undefined;
}

function unitOf(text: string): MetricUnit | undefined {
  if (text === '') return undefined;
  const known = spellings.get(text) ?? (isAnyUnit(text) ? text : undefined);
  if (known === undefined) return { unit: text };
  if (isUnit(known)) return { unit: known };
  const unit = registered[known];
  return { unit, convert: unitConversion(known, unit) };
}
