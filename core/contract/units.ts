/**
 * Units of measurement, from the IANA SenML registry (RFC 8428 section 12.1, RFC 8798). Nothing else is a unit here:
 * what a sensor reports otherwise is converted at the edge.
 */
// prettier-ignore
export const units = {
  m: 'metre', kg: 'kilogram', g: 'gram', s: 'second', A: 'ampere', K: 'kelvin', cd: 'candela', mol: 'mole',
  Hz: 'hertz', rad: 'radian', sr: 'steradian', N: 'newton', Pa: 'pascal', J: 'joule', W: 'watt', C: 'coulomb',
  V: 'volt', F: 'farad', Ohm: 'ohm', S: 'siemens', Wb: 'weber', T: 'tesla', H: 'henry', Cel: 'degree Celsius',
  lm: 'lumen', lx: 'lux', Bq: 'becquerel', Gy: 'gray', Sv: 'sievert', kat: 'katal', m2: 'square metre',
  m3: 'cubic metre', 'm/s': 'metre per second', 'm/s2': 'metre per square second', 'm3/s': 'cubic metre per second',
  'W/m2': 'watt per square metre', 'cd/m2': 'candela per square metre', bit: 'bit', 'bit/s': 'bit per second',
  lat: 'degree latitude', lon: 'degree longitude', pH: 'pH value', dB: 'decibel', dBW: 'bel-milliwatt',
  count: 'count', '/': 'ratio', '%RH': 'relative humidity', '%EL': 'remaining battery level in percent',
  EL: 'remaining battery level in seconds', '1/s': 'event rate', '1/min': 'event rate per minute',
  'beat/min': 'heart rate', 'S/m': 'siemens per metre', B: 'byte', VA: 'volt-ampere', var: 'volt-ampere reactive',
  'J/m': 'joule per metre', 'kg/m3': 'kilogram per cubic metre', deg: 'degree', ms: 'millisecond', min: 'minute',
  h: 'hour', MHz: 'megahertz', kW: 'kilowatt', kVA: 'kilovolt-ampere', kWh: 'kilowatt-hour', Wh: 'watt-hour',
  'mm/h': 'millimetre per hour', 'm/h': 'metre per hour', ppm: 'parts per million', '/100': 'percent',
  hPa: 'hectopascal', mm: 'millimetre', cm: 'centimetre', km: 'kilometre', 'km/h': 'kilometre per hour',
  mA: 'milliampere', mV: 'millivolt', kB: 'kilobyte', MiB: 'mebibyte', 'B/s': 'byte per second',
  'MB/s': 'megabyte per second',
} as const;

export type Unit = keyof typeof units;

export function isUnit(text: string): text is Unit {
  return Object.hasOwn(units, text);
}
