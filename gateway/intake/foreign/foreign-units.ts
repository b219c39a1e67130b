import { isUnit } from '#core/contract/units.js';

/** A SenML unit, and how a value of the other unit becomes one of it: value × factor + offset. */
export interface UnitConversion {
  readonly unit: string;
  readonly factor?: number;
  readonly offset?: number;
}

const fahrenheit: UnitConversion = { unit: 'Cel', factor: 5 / 9, offset: -160 / 9 };
const as = (unit: string, factor?: number): UnitConversion => (factor === undefined ? { unit } : { unit, factor });

/** Units as home automation writes them. What is missing here stays as it is, and is told in a label. */
const conversions = new Map<string, UnitConversion>([
  ['°C', as('Cel')],
  ['C', as('Cel')],
  ['℃', as('Cel')],
  ['°F', fahrenheit],
  ['F', fahrenheit],
  ['%', as('/100')],
  ['lux', as('lx')],
  ['mbar', as('hPa')],
  ['kPa', as('hPa', 10)],
  ['bar', as('hPa', 1000)],
  ['mmHg', as('hPa', 1.333224)],
  ['inHg', as('hPa', 33.86389)],
  ['psi', as('hPa', 68.94757)],
  ['ppb', as('ppm', 0.001)],
  ['°', as('deg')],
  ['m³', as('m3')],
  ['m²', as('m2')],
  ['L', as('m3', 0.001)],
  ['l', as('m3', 0.001)],
  ['m³/h', as('m3/s', 1 / 3600)],
  ['W/m²', as('W/m2')],
  ['MWh', as('kWh', 1000)],
  ['mW', as('W', 0.001)],
  ['VAr', as('var')],
  ['Ω', as('Ohm')],
  ['dBm', { unit: 'dBW', offset: -30 }],
  ['d', as('h', 24)],
  ['µs', as('s', 1e-6)],
  ['us', as('s', 1e-6)],
]);

/** How a value of a unit is converted; undefined if nothing is known of it. `quantity` tells what a percentage is of. */
export function convertUnit(text: string, quantity = ''): UnitConversion | undefined {
  if (text === '%' && /humid/i.test(quantity)) return as('%RH');
  if (text === '%' && /batter/i.test(quantity)) return as('%EL');
  // In home automation these are degrees, and not coulombs and farads.
  return conversions.get(text) ?? (isUnit(text) ? as(text) : undefined);
}

/** Tidied, so that 68 °F are 20 Cel. */
export function converted(value: number, { factor = 1, offset = 0 }: UnitConversion): number {
  if (factor === 1 && offset === 0) return value;
  return Number((value * factor + offset).toPrecision(12));
}
