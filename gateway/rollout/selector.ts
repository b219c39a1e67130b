import type { DeviceId } from '#core/contract/names.js';
import type { Labels } from './fleet-book.js';

export type Selectable = DeviceId & { readonly labels: Labels };
export type Selector = (device: Selectable) => boolean;

/** Bad words of a person. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/**
 * Selectors joined by `+`, one of which a device must meet: `all`, `site:<name>`, `label:<name>[=<value>]` (of one of its
 * sensors), `device:<site>/<device>` or just that, where `*` stands for any characters but a slash. Throws SelectorError.
 */
export function parseSelector(text: string): Selector {
  const any = text.split('+').map((one) => parseOne(one.trim()));
  return (device) => any.some((selects) => selects(device));
}

/** A stage by percent: the number; undefined if it is none. Throws SelectorError. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text.trim());
  if (!match) return undefined;
  const percent = Number(match[1]);
  if (percent > 0 && percent <= 100) return percent;
  throw new SelectorError(`${text} is not from 0 to 100 %`);
}

function parseOne(text: string): Selector {
  if (text === 'all') return () => true;
  const [, kind, rest] = /^(site|label|device):(.+)$/.exec(text) ?? [];
  if (kind === 'site') return ({ site }) => site === rest;
  if (kind === 'label') return byLabel(rest!);
  const pattern = kind === 'device' ? rest! : text;
  if (/^[A-Za-z0-9_.:*-]+\/[A-Za-z0-9_.:*-]+$/.test(pattern)) return byName(pattern);
  const known = 'all, site:<name>, label:<name>=<value>, <site>/<device> with *, or a percentage';
  throw new SelectorError(`"${text}" selects no devices: say ${known}`);
}

function byLabel(text: string): Selector {
  const at = text.indexOf('=');
  const name = at === -1 ? text : text.slice(0, at);
  const value = at === -1 ? undefined : text.slice(at + 1);
  return ({ labels }) => {
    const values = Object.hasOwn(labels, name) ? labels[name]! : [];
    return value === undefined ? values.length > 0 : values.includes(value);
  };
}

function byName(pattern: string): Selector {
  const words = pattern.split('*').map((word) => word.replaceAll(/[.]/g, '\\.'));
  const expression = new RegExp(`^${words.join('[^/]*')}$`);
  return ({ site, device }) => expression.test(`${site}/${device}`);
}
