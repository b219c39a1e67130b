import type { SensorDescription } from '#core/contract/catalogue.js';
import { isUnit } from '#core/contract/units.js';
import type { ForeignReading } from './foreign.js';

/** Where nothing is told: as of a channel of our own edge that has no unit. */
const noUnit = '/';
const maxLabels = 16;
const maxLabelLength = 128;

/** What a message told of a sensor, as a catalogue wants it; `known` is what was told before. */
export function describeSensor(reading: ForeignReading, known?: SensorDescription): SensorDescription {
  const { sensor, quantity, unit, labels } = reading;
  const told: Record<string, string> = { ...labels, ...(unit !== undefined && !isUnit(unit) && { unit }) };
  return {
    quantity: quantity === undefined ? (known?.quantity ?? toQuantity(sensor)) : toQuantity(quantity),
    unit: unit === undefined ? (known?.unit ?? noUnit) : isUnit(unit) ? unit : noUnit,
    labels: Object.keys(told).length === 0 ? (known?.labels ?? {}) : toLabels(told),
    interpolation: 'none',
    maxGapUs: 600_000_000,
  };
}

/** Lower case letters, digits and `_`; `value` if nothing is left. */
export function toQuantity(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 64);
  return plain === '' ? 'value' : plain;
}

function toLabels(told: Readonly<Record<string, string>>): Record<string, string> {
  const labels: [string, string][] = [];
  for (const [name, value] of Object.entries(told)) {
    const key = toQuantity(name).slice(0, 32);
    // A tag with control characters is one that no store shows right.
    const text = value
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, maxLabelLength);
    if (text !== '' && labels.length < maxLabels) labels.push([key, text]);
  }
  return Object.fromEntries(labels);
}
