import { z } from 'zod';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/;

/**
 * A site, device or sensor name: 1 to 64 characters that are safe as an MQTT topic level, as a part of a Kafka key,
 * as a tag value and, joined by slashes, as a SenML name (RFC 8428, section 4.5.1).
 */
export const nameSchema = z
  .string()
  .regex(namePattern, 'a name starts with a letter or digit and has at most 64 of A-Z a-z 0-9 _ . : -');

/** What {@link nameSchema} checks, for hot paths. */
export function isName(text: string | undefined): text is string {
  return text !== undefined && namePattern.test(text);
}

/** 128 random bits as 32 hex digits: the life of one outbox. */
export const epochSchema = z.string().regex(/^[0-9a-f]{32}$/, 'an epoch is 32 hex digits');

/** The first 128 bits of a catalogue's SHA-256, as 32 hex digits. */
export const catalogueHashSchema = z.string().regex(/^[0-9a-f]{32}$/, 'a catalogue hash is 32 hex digits');

export interface DeviceId {
  readonly site: string;
  readonly device: string;
}

export interface SeriesId extends DeviceId {
  readonly sensor: string;
}

/** `<site>/<device>`: the key of a device's records in the log. */
export function deviceKey(id: DeviceId): string {
  return `${id.site}/${id.device}`;
}

/** `<site>/<device>/<sensor>`: the name of a series, and its SenML name. */
export function seriesKey(id: SeriesId): string {
  return `${id.site}/${id.device}/${id.sensor}`;
}

/** Reverses {@link seriesKey}; undefined if the text is not three valid names. */
export function parseSeriesKey(text: string): SeriesId | undefined {
  const [site, device, sensor, ...rest] = text.split('/');
  const names = z.tuple([nameSchema, nameSchema, nameSchema]).safeParse([site, device, sensor]);
  if (!names.success || rest.length > 0) return undefined;
  return { site: names.data[0], device: names.data[1], sensor: names.data[2] };
}
