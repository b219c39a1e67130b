import { ContractError } from './contract-error.js';
import { catalogueHashSchema, epochSchema, isName, type DeviceId } from './names.js';
import { formSchema, qualitySchema, type Form, type Point, type Quality, type WindowParts } from './reading.js';
import { parseSenml, resolveSenml, type ResolvedRecord, type SenmlRecord } from './senml.js';
import type { SequenceRange } from './sequence-ranges.js';
import { bucketStart, secondsToUs, usToSeconds } from './time.js';
import { deflatePayload, payloadText } from './transfer-coding.js';
import { bootIdSchema, checkUptimeStamp, resolveStamp } from './uptime-stamps.js';

/** What a format says otherwise than the others. */
interface PackFormat {
  /** The label of the boot that all stamps count from. */
  readonly boot: 'bboot' | 'bboot_';
}

/**
 * The formats that are read: the current one and the previous one; see docs/decisions/015-format-versions.md. A pack is
 * written in the oldest that can say it, so that its number keeps its bytes when the device gets a newer program.
 */
const formats: Readonly<Record<number, PackFormat>> = {
  1: { boot: 'bboot' },
  // Who does not know what it means must not take the stamps for times: RFC 8428, section 4.4.
  2: { boot: 'bboot_' },
};
/** The formats before it are read as well. */
export const newestFormat = 2;

/** The unit of transfer: numbered without gaps within its epoch, immutable. */
export interface Pack extends DeviceId {
  readonly epoch: string;
  readonly seq: number;
  /** The hash of the catalogue that describes the sensors. */
  readonly catalogue: string;
  readonly points: readonly Point[];
  /** Numbers of older packs, never sent, whose readings this pack carries in thinned form. */
  readonly replaces?: readonly SequenceRange[];
  /** Set while the device does not know the time: the boot that all stamps count from, see `uptimeStamp`. No windows then. */
  readonly boot?: string;
  /** Set on a tombstone: this number's readings were dropped on the device. */
  readonly dropped?: { readonly reason: string; readonly count: number };
}

/** A decoded pack, with the units that its records named; the catalogue decides whether they agree. */
export interface DecodedPack extends Pack {
  /** Sensor to unit, for the records that carried one. */
  readonly units: ReadonlyMap<string, string>;
}

export type TransferCoding = 'identity' | 'zlib';

/** Encodes to SenML JSON. `units` gives each sensor's unit; every record names or inherits its own. */
export function encodePackJson(pack: Pack, units: ReadonlyMap<string, string>): string {
  // A whole second is an exact double, so that a plain reader's bt + t rounds to the right microsecond.
  const baseTimeUs = pack.points[0] && bucketStart(pack.points[0].timeUs, 1_000_000);
  const baseUnit = commonUnit(pack.points, units);
  const head: SenmlRecord = { bn: `${pack.site}/${pack.device}/` };
  if (baseTimeUs !== undefined) head.bt = usToSeconds(baseTimeUs);
  if (baseUnit !== undefined) head.bu = baseUnit;
  Object.assign(head, { bepoch: pack.epoch, bseq: pack.seq, bcat: pack.catalogue, bfmt: 1 });
  if (pack.boot !== undefined) Object.assign(head, { bfmt: 2, bboot_: pack.boot });
  if (pack.replaces) head.breplaces = pack.replaces.map(([from, to]) => [from, to]);
  if (pack.dropped) Object.assign(head, { bdrop: pack.dropped.reason, bcount: pack.dropped.count });
  const records = pack.points.map((point) => pointRecord(point, baseTimeUs!, baseUnit, units.get(point.sensor)));
  if (records[0]) records[0] = { ...head, ...records[0] };
  else records.push(head);
  return JSON.stringify(records);
}

/** {@link encodePackJson} in the chosen transfer coding. */
export function encodePack(
  pack: Pack,
  units: ReadonlyMap<string, string>,
  coding: TransferCoding = 'zlib',
): Uint8Array {
  const json = encodePackJson(pack, units);
  return coding === 'zlib' ? deflatePayload(json) : Buffer.from(json);
}

function commonUnit(points: readonly Point[], units: ReadonlyMap<string, string>): string | undefined {
  const counts = new Map<string, number>();
  for (const point of points) {
    const unit = units.get(point.sensor);
    // A record without a unit would inherit the base unit, so one such record forbids it.
    if (unit === undefined) return undefined;
    counts.set(unit, (counts.get(unit) ?? 0) + 1);
  }
  let best: string | undefined;
  for (const [unit, count] of counts) if (best === undefined || count > counts.get(best)!) best = unit;
  return best;
}

function pointRecord(
  point: Point,
  baseTimeUs: number,
  baseUnit: string | undefined,
  unit: string | undefined,
): SenmlRecord {
  const record: SenmlRecord = { n: point.sensor };
  if (unit !== baseUnit && unit !== undefined) record.u = unit;
  if (point.timeUs !== baseTimeUs) record.t = usToSeconds(point.timeUs - baseTimeUs);
  if (typeof point.value === 'number') record.v = point.value;
  else if (typeof point.value === 'boolean') record.vb = point.value;
  else record.vs = point.value;
  if (point.window) {
    const { spanUs, count, min, max, first, last, p95 } = point.window;
    Object.assign(record, { min, max, first, last, count, span: usToSeconds(spanUs) });
    if (p95 !== undefined) record.p95 = p95;
  }
  if (point.quality !== 'good') record.q = point.quality;
  if (point.form === 'segment' || point.form === 'context') record.form = point.form;
  return record;
}

/**
 * Decodes one of our packs, whatever its transfer coding. `expected` is who the topic says is speaking.
 * Throws {@link ContractError}; its code is the dead letter's reason.
 */
export function decodePack(payload: Uint8Array, expected?: DeviceId): DecodedPack {
  const records = parsePack(payloadText(payload));
  const head = packHead(records[0]!);
  if (expected && (expected.site !== head.site || expected.device !== head.device)) {
    throw new ContractError(
      'wrong-identity',
      `${expected.site}/${expected.device} sent a pack of ${head.site}/${head.device}`,
    );
  }
  const units = new Map<string, string>();
  const points: Point[] = [];
  const sensors = new SensorNames(`${head.site}/${head.device}/`);
  for (const resolved of resolveSenml(records, 0)) points.push(toPoint(resolved, sensors, units));
  if (head.boot !== undefined) for (const point of points) checkUnsynced(point);
  return { ...head, points, units };
}

function parsePack(json: string): SenmlRecord[] {
  try {
    return parseSenml(json);
  } catch (error) {
    // Whatever a later format has that this one must refuse: it can be read after an upgrade, and its letter says so.
    throw laterFormat(json) ?? error;
  }
}

function laterFormat(json: string): ContractError | undefined {
  try {
    const { bfmt } = (JSON.parse(json) as [SenmlRecord])[0];
    return Number.isInteger(bfmt) && bfmt! > newestFormat ? noSuchFormat(bfmt) : undefined;
  } catch {
    return undefined;
  }
}

function noSuchFormat(bfmt: number | undefined): ContractError {
  return new ContractError('version', `pack format ${bfmt ?? 'missing'}; this program reads 1 to ${newestFormat}`);
}

/** The same pack with its true times, now that the clock of its boot is known; a pack without a boot as it is. */
export function resolvePack<P extends Pack>(pack: P, offsetUs: number): P {
  const { boot, ...rest } = pack;
  if (boot === undefined) return pack;
  const points = pack.points.map((point) => ({ ...point, timeUs: resolveStamp(point.timeUs, offsetUs) }));
  return { ...rest, points } as unknown as P;
}

function checkUnsynced({ sensor, timeUs, form }: Point): void {
  checkUptimeStamp(timeUs, sensor);
  if (form === 'window') throw new ContractError('schema', `${sensor} has a window of no known time`);
}

function packHead(first: SenmlRecord): Omit<Pack, 'points'> {
  const [site, device, rest] = (first.bn ?? '').split('/');
  if (!isName(site) || !isName(device) || rest !== '') {
    throw new ContractError('schema', 'bn is not <site>/<device>/');
  }
  const format = formats[first.bfmt ?? 0];
  if (!format) throw noSuchFormat(first.bfmt);
  if (!epochSchema.safeParse(first.bepoch).success) throw new ContractError('schema', 'bepoch is not 32 hex digits');
  if (!catalogueHashSchema.safeParse(first.bcat).success)
    throw new ContractError('schema', 'bcat is not 32 hex digits');
  if (first.bseq === undefined) throw new ContractError('schema', 'bseq is missing');
  const boot = bootOf(first, format);
  const head = { site, device, epoch: first.bepoch!, seq: first.bseq, catalogue: first.bcat! };
  return {
    ...head,
    ...(boot !== undefined && { boot }),
    ...(first.breplaces && { replaces: checkRanges(first.breplaces, first.bseq) }),
    ...(first.bdrop !== undefined && { dropped: { reason: first.bdrop, count: first.bcount ?? 0 } }),
  };
}

function bootOf(first: SenmlRecord, format: PackFormat): string | undefined {
  const other = format.boot === 'bboot' ? 'bboot_' : 'bboot';
  if (first[other] !== undefined) throw new ContractError('schema', `pack format ${first.bfmt} has no ${other}`);
  const boot = first[format.boot];
  if (boot !== undefined && !bootIdSchema.safeParse(boot).success)
    throw new ContractError('schema', `${format.boot} is not 32 hex digits`);
  return boot;
}

function checkRanges(ranges: SequenceRange[], seq: number): SequenceRange[] {
  for (const [from, to] of ranges) {
    if (from > to || to >= seq) throw new ContractError('schema', `pack ${seq} replaces ${from}-${to}`);
  }
  return ranges;
}

/** The sensors of one pack by their full names; each name is checked once. */
class SensorNames {
  private readonly known = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  of(name: string): string {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    if (!name.startsWith(this.prefix)) throw new ContractError('wrong-identity', `${name} in a pack of ${this.prefix}`);
    const sensor = name.slice(this.prefix.length);
    if (!isName(sensor)) throw new ContractError('schema', `bad sensor name in ${name}`);
    this.known.set(name, sensor);
    return sensor;
  }
}

function toPoint(resolved: ResolvedRecord, sensors: SensorNames, units: Map<string, string>): Point {
  const { name, timeUs, value, record, unit } = resolved;
  if (resolved.relative) throw new ContractError('relative-time', `${name} has a time relative to its receipt`);
  const sensor = sensors.of(name);
  // JSON carries numbers that no clock shows, and no store could keep.
  if (!Number.isSafeInteger(timeUs)) throw new ContractError('schema', `${name} has no possible time`);
  if (value === undefined) throw new ContractError('schema', `${name} has no v, vs or vb`);
  if (value === Infinity || value === -Infinity) throw new ContractError('schema', `${name} is infinite`);
  if (unit !== undefined) noteUnit(units, sensor, unit);
  const quality = record.q === undefined ? 'good' : parsed<Quality>(qualitySchema.safeParse(record.q), `q of ${name}`);
  if (record.count === undefined) {
    const form = record.form === undefined ? 'raw' : parsed<Form>(formSchema.safeParse(record.form), `form of ${name}`);
    if (form === 'window') throw new ContractError('schema', `window ${name} has no count`);
    return { sensor, timeUs, value, quality, form };
  }
  return { sensor, timeUs, value, quality, form: 'window', window: windowParts(record, value, name) };
}

function noteUnit(units: Map<string, string>, sensor: string, unit: string): void {
  const known = units.get(sensor);
  if (known === undefined) units.set(sensor, unit);
  else if (known !== unit)
    throw new ContractError('schema', `${sensor} has the units ${known} and ${unit} in one pack`);
}

function windowParts(record: SenmlRecord, value: unknown, name: string): WindowParts {
  const { span, count, min, max, first, last, p95 } = record;
  if (
    typeof value !== 'number' ||
    span === undefined ||
    min === undefined ||
    max === undefined ||
    first === undefined ||
    last === undefined
  ) {
    throw new ContractError('schema', `window ${name} lacks one of v span min max first last`);
  }
  const spanUs = secondsToUs(span);
  if (spanUs < 1 || !Number.isSafeInteger(spanUs)) throw new ContractError('schema', `window ${name} of ${span} s`);
  const parts = { spanUs, count: count!, min, max, first, last };
  // No store tells minus zero from zero in every field, and of a percentile nobody needs it.
  return p95 === undefined ? parts : { ...parts, p95: p95 + 0 };
}

function parsed<T>(result: { success: true; data: T } | { success: false }, what: string): T {
  if (!result.success) throw new ContractError('schema', `unknown ${what}`);
  return result.data;
}
