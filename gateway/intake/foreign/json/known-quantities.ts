/** The units in which home automation tells a quantity where a message names none, by the last part of its name. */
const unitOf: Readonly<Record<string, string>> = {
  temperature: '°C',
  devicetemperature: '°C',
  localtemperature: '°C',
  dewpoint: '°C',
  humidity: '%',
  soilmoisture: '%',
  pressure: 'hPa',
  illuminance: 'lx',
  illuminancelux: 'lx',
  battery: '%',
  power: 'W',
  apparentpower: 'VA',
  reactivepower: 'var',
  energy: 'kWh',
  total: 'kWh',
  today: 'kWh',
  yesterday: 'kWh',
  voltage: 'V',
  current: 'A',
  frequency: 'Hz',
  acfrequency: 'Hz',
  co2: 'ppm',
  carbondioxide: 'ppm',
  distance: 'cm',
};

/** `device_temperature`, `Temperature`, `CarbonDioxide`; undefined if nothing is known of it. */
export function usualUnit(name: string): string | undefined {
  const key = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return Object.hasOwn(unitOf, key) ? unitOf[key] : undefined;
}
