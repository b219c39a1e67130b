import type { Value } from '#core/contract/reading.js';
import type { MetricValue } from './payload.js';

/** Why a value cannot be kept: part of a dead letter's detail. */
export class UnfitValue {
  constructor(readonly detail: string) {}
}

type Convert = (value: MetricValue) => Value | UnfitValue;

/** `DataType` of the schema: the name of each, and how its value becomes one of ours. */
const datatypes: readonly (readonly [name: string, convert?: Convert])[] = [
  ['Unknown', undefined],
  ['Int8', signed(8)],
  ['Int16', signed(16)],
  ['Int32', signed(32)],
  ['Int64', (value) => whole(value, true)],
  ['UInt8', unsigned(8)],
  ['UInt16', unsigned(16)],
  ['UInt32', unsigned(32)],
  ['UInt64', (value) => whole(value, false)],
  ['Float', float],
  ['Double', float],
  ['Boolean', boolean],
  ['String', string],
  // Milliseconds since 1970.
  ['DateTime', (value) => whole(value, false)],
  ['Text', string],
  ['UUID', string],
  ...['DataSet', 'Bytes', 'File', 'Template', 'PropertySet', 'PropertySetList'].map((name) => [name] as const),
  ...['Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64'].map((of) => [`${of}Array`] as const),
  ...['Float', 'Double', 'Boolean', 'String', 'DateTime'].map((of) => [`${of}Array`] as const),
];

/** The number of `Boolean` in the schema. */
export const booleanType = 11;

/** The value as a reading has it; {@link UnfitValue} if it is of no type that a reading can have, or not of its type. */
export function readingValue(datatype: number, value: MetricValue): Value | UnfitValue {
  const [name, convert] = datatypes[datatype] ?? [`datatype ${datatype}`];
  if (!convert) return new UnfitValue(`${name} is no single value`);
  const converted = convert(value);
  return converted instanceof UnfitValue ? new UnfitValue(`${name}: ${converted.detail}`) : converted;
}

/** Writers carry the sign to the end of the field, or leave it in the lowest bits: either way it is the same number. */
function signed(bits: 8 | 16 | 32): Convert {
  const above = 32 - bits;
  return (value) => {
    if (value.kind !== 'integer') return notA('an integer', value);
    const number = ((value.signed | 0) << above) >> above;
    const short = ((number << above) >>> above) >>> 0;
    const fits = value.signed === number || value.unsigned === number >>> 0 || value.unsigned === short;
    return fits ? number : new UnfitValue(`${value.signed} has more than ${bits} bits`);
  };
}

function unsigned(bits: 8 | 16 | 32): Convert {
  return (value) => {
    if (value.kind !== 'integer') return notA('an integer', value);
    return value.unsigned < 2 ** bits ? value.unsigned : new UnfitValue(`${value.unsigned} has more than ${bits} bits`);
  };
}

function whole(value: MetricValue, isSigned: boolean): Value | UnfitValue {
  if (value.kind !== 'integer') return notA('an integer', value);
  const number = isSigned ? value.signed : value.unsigned;
  // Rounded it would be another number, and nobody could tell.
  return Number.isSafeInteger(number) ? number : new UnfitValue('more than 53 bits cannot be kept exactly');
}

function float(value: MetricValue): Value | UnfitValue {
  return value.kind === 'float' ? value.value : notA('a floating point number', value);
}

function boolean(value: MetricValue): Value | UnfitValue {
  return value.kind === 'boolean' ? value.value : notA('a boolean', value);
}

function string(value: MetricValue): Value | UnfitValue {
  return value.kind === 'string' ? value.value : notA('a string', value);
}

function notA(what: string, value: MetricValue): UnfitValue {
  return new UnfitValue(
    `${value.kind === 'other' ? 'a compound value' : `a value of kind ${value.kind}`} is not ${what}`,
  );
}
