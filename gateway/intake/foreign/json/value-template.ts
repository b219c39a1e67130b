import type { Value } from '#core/contract/reading.js';
import { parseJsonPayload, textOf, valueAt, type Json } from './json-value.js';

/** Where a message has the value of an entity; undefined where it has none. Throws ContractError if it is not JSON. */
export type ValueReader = (payload: Uint8Array) => Value | undefined;

const expression = /^\{\{-?\s*([^{}|]+?)\s*((?:\|[^{}|]*)*)-?\}\}$/;
const step = /\.([A-Za-z_]\w*)|\[\s*(?:'([^']*)'|"([^"]*)"|(\d+))\s*\]/y;
/** These leave the value what it is, or round it for display. */
const harmless = /^(?:float|int|round|is_defined|default|string|trim|lower|upper)?(?:\s*\([^()]*\))?$/;

/**
 * Reads the templates that only say where a value stands: `{{ value }}`, `{{ value_json.a['b'][0] | float }}`, or none.
 * Undefined for one that calculates: what it would say is not guessed.
 */
export function valueReader(template: string | undefined): ValueReader | undefined {
  if (template === undefined || template.trim() === '') return (payload) => toValue(textOf(payload));
  const [, source, filters = ''] = expression.exec(template.trim()) ?? [];
  if (source === undefined || !filters.split('|').every((filter) => harmless.test(filter.trim()))) return undefined;
  if (source === 'value') return (payload) => toValue(textOf(payload));
  if (!source.startsWith('value_json')) return undefined;
  const path = stepsOf(source.slice('value_json'.length));
  return path && ((payload) => toValue(valueAt(parseJsonPayload(payload), path)));
}

function stepsOf(text: string): string[] | undefined {
  const steps: string[] = [];
  step.lastIndex = 0;
  for (let at = 0; at < text.length; at = step.lastIndex) {
    step.lastIndex = at;
    const match = step.exec(text);
    if (!match) return undefined;
    steps.push(match[1] ?? match[2] ?? match[3] ?? match[4]!);
  }
  return steps;
}

/** A text that is a number is one, as Home Assistant takes it. */
function toValue(told: Json | undefined): Value | undefined {
  if (typeof told === 'number' || typeof told === 'boolean') return told;
  if (typeof told !== 'string') return undefined;
  const text = told.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : text;
}
