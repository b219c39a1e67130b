import { FatalError } from '#core/runtime/errors.js';

// A line end or a control character in a value could end it and begin another: no format here needs one.
const unprintable =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff](?<![\ud800-\udbff][\udc00-\udfff])(?![\udc00-\udfff])/;

/** Throws FatalError `bad-config` if the value has a line end, a control character or half a character. */
export function refuseUnprintable(value: string, what: string): void {
  if (unprintable.test(value)) {
    throw new FatalError('bad-config', `${what} has a line end or another character that cannot be printed`);
  }
}

/** One word of a POSIX shell, whatever it holds. */
export function shellWord(value: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** A YAML scalar that is a text for YAML 1.1 and 1.2 alike. */
export function yamlText(value: string): string {
  return JSON.stringify(value);
}

/** A TOML string that needs no escape but `\\` and `\"`: the parser in shell on the device knows no other. */
export function tomlText(value: string): string {
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

export function tomlTexts(values: readonly string[]): string {
  return `[${values.map(tomlText).join(', ')}]`;
}
