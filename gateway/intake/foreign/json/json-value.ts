import { ContractError } from '#core/contract/contract-error.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

/** A single value of an object or array, with the steps that lead to it. */
export interface Leaf {
  readonly path: readonly string[];
  readonly value: boolean | number | string;
}

const [maxDepth, maxLeaves] = [8, 5000];
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws ContractError `bad-coding` if it is no UTF-8. */
export function textOf(payload: Uint8Array): string {
  try {
    return utf8.decode(payload);
  } catch (cause) {
    throw new ContractError('bad-coding', 'not UTF-8', { cause });
  }
}

/** Throws ContractError `bad-coding` or `not-json`. */
export function parseJsonPayload(payload: Uint8Array): Json {
  const text = textOf(payload);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new ContractError('not-json', 'not JSON', { cause });
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands there; undefined if nothing does, or something inherited. Numbers lead into arrays. */
export function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    if (Array.isArray(found) && !/^\d+$/.test(step)) return undefined;
    found = (found as JsonObject)[step];
  }
  return found;
}

/** `a.b.0.c` */
export function toPath(text: string): string[] {
  return text.split('.');
}

/**
 * All single values that are not null, in order. Throws ContractError `too-large` if they are too many or too deep.
 */
export function leavesOf(value: Json): Leaf[] {
  const leaves: Leaf[] = [];
  collect(value, [], leaves);
  return leaves;
}

function collect(value: Json, path: readonly string[], leaves: Leaf[]): void {
  if (value === null) return;
  if (typeof value !== 'object') {
    if (leaves.length >= maxLeaves) throw new ContractError('too-large', `more than ${maxLeaves} values`);
    leaves.push({ path, value });
    return;
  }
  if (path.length >= maxDepth) throw new ContractError('too-large', `more than ${maxDepth} levels`);
  for (const [name, inner] of Object.entries(value)) collect(inner, [...path, name], leaves);
}
