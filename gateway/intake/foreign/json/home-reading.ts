import type { Value } from '#core/contract/reading.js';
import type { ForeignReading } from '../foreign.js';
import { converted, convertUnit } from '../foreign-units.js';
import type { NameMaker } from '../names.js';
import type { Leaf } from './json-value.js';
import { usualUnit } from './known-quantities.js';

const switches = new Map([
  ['ON', true],
  ['OFF', false],
]);

/** `ON` and `OFF` are truths; other texts stay. */
export function switchValue(value: Value): Value {
  return typeof value === 'string' ? (switches.get(value) ?? value) : value;
}

/** A value of a home automation message as a sensor of its path, in the unit that is usual for it, or in `unit`; '' for none. */
export function homeReading(
  { path, value }: Leaf,
  names: NameMaker,
  unit?: string,
): Omit<ForeignReading, 'timeUs' | 'quality'> {
  const last = path.at(-1) ?? 'value';
  const told = switchValue(value);
  const sensor = names.of(path.join('.') || 'value');
  const usual = typeof told === 'number' ? (unit ?? usualUnit(last)) : undefined;
  if (typeof told !== 'number' || !usual) return { sensor, value: told, quantity: last };
  const conversion = convertUnit(usual, last);
  if (!conversion) return { sensor, value: told, quantity: last, unit: usual };
  return { sensor, value: converted(told, conversion), quantity: last, unit: conversion.unit };
}
