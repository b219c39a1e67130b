import { InvalidArgumentError } from 'commander';
import { parseDurationMs } from '#core/runtime/durations.js';

/** Parsers for the values of command line options; commander prints their errors with the option's name. */
export function durationMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('Expected a duration such as 500ms, 1s, 5m or 2h.');
  return ms;
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    return value;
  };
}

export const port = wholeNumber(0, 65_535);

export function fraction(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}
