import { createHash } from 'node:crypto';
import { isName } from '#core/contract/names.js';

/**
 * Names of Sparkplug as names of ours, and back (docs/decisions/014-sparkplug.md): a slash becomes a dot; what a name of
 * ours may not have, and `.` and `:` themselves, become `:` and two hex digits for each byte of UTF-8; a name that does not
 * begin with a letter or a digit gets `0:_` in front. What is longer than 64 then is cut, and ends in `:-` and 16 hex
 * digits of its SHA-256: that cannot be undone.
 */
export function toName(text: string): string {
  const escaped = text.replace(/[^A-Za-z0-9_/-]/gu, escape).replaceAll('/', '.');
  const name = /^[A-Za-z0-9]/.test(escaped) ? escaped : `${marker}${escaped}`;
  return isName(name) ? name : shorten(name, text);
}

/** Undoes {@link toName}; undefined for a name that was cut, or was never made by it. */
export function fromName(name: string): string | undefined {
  if (name.includes(cut)) return undefined;
  const escaped = name.startsWith(marker) ? name.slice(marker.length) : name;
  try {
    // A percent sign is never in a name, so it is free to stand for the colon.
    const text = decodeURIComponent(escaped.replaceAll('.', '/').replaceAll(':', '%'));
    return toName(text) === name ? text : undefined;
  } catch {
    return undefined;
  }
}

/** An edge node, or a device below it, as the name of a device of ours: neither has a slash of its own. */
export function deviceName(edgeNode: string, device: string | undefined): string {
  return toName(device === undefined ? edgeNode : `${edgeNode}/${device}`);
}

/** What a metric measures, as far as its name tells: the last part of `Line 1/Motor Speed` is `motor_speed`. */
export function quantityOf(metric: string): string {
  const last = metric.slice(metric.lastIndexOf('/') + 1);
  const words = last.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  const quantity = words.replace(/[^a-z0-9]+/g, '_').replace(/^[_0-9]+|_+$/g, '');
  return quantity.slice(0, 64) || 'value';
}

const marker = '0:_';
const cut = ':-';
const digestLength = 16;

function escape(character: string): string {
  return [...Buffer.from(character)].map((byte) => `:${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function shorten(name: string, text: string): string {
  const digest = createHash('sha256').update(text).digest('hex').slice(0, digestLength);
  const kept = name.slice(0, 64 - cut.length - digestLength);
  // Half an escape would read as another character.
  return `${kept.replace(/:[0-9A-F]?$/, '')}${cut}${digest}`;
}
