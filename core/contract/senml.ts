import { z } from 'zod';
import { ContractError } from './contract-error.js';
import { relativeTimeLimitSeconds, secondsToUs } from './time.js';

/** The most records one pack may hold. */
export const maxPackRecords = 10_000;

const finite = z.number();
const text = z.string().max(4096);

/** The labels of RFC 8428, table 1, and our private ones, which never change what `n u v t` mean. */
export const senmlRecordSchema = z.object({
  bn: z.string().max(256).optional(),
  bt: finite.optional(),
  bu: z.string().max(32).optional(),
  bv: finite.optional(),
  bs: finite.optional(),
  bver: z.int().positive().optional(),
  n: z.string().max(256).optional(),
  u: z.string().max(32).optional(),
  v: finite.optional(),
  vs: text.optional(),
  vb: z.boolean().optional(),
  vd: text.optional(),
  s: finite.optional(),
  t: finite.optional(),
  ut: finite.optional(),
  // Ours.
  bepoch: z.string().max(64).optional(),
  bseq: z.int().nonnegative().optional(),
  bcat: z.string().max(64).optional(),
  bfmt: z.int().positive().optional(),
  breplaces: z
    .array(z.tuple([z.int().nonnegative(), z.int().nonnegative()]))
    .max(1000)
    .optional(),
  bboot: z.string().max(64).optional(),
  bboot_: z.string().max(64).optional(),
  bdrop: z.string().max(64).optional(),
  bcount: z.int().nonnegative().optional(),
  min: finite.optional(),
  max: finite.optional(),
  first: finite.optional(),
  last: finite.optional(),
  p95: finite.optional(),
  count: z.int().positive().optional(),
  span: finite.positive().optional(),
  q: z.string().max(32).optional(),
  form: z.string().max(16).optional(),
});
export type SenmlRecord = z.infer<typeof senmlRecordSchema>;

const packSchema = z.array(senmlRecordSchema).min(1).max(maxPackRecords);
const labels = new Map<string, z.ZodType>(Object.entries(senmlRecordSchema.shape));

/** A record with its base values applied (RFC 8428, section 4.6). `timeUs` is absolute. */
export interface ResolvedRecord {
  readonly name: string;
  readonly timeUs: number;
  readonly unit: string | undefined;
  readonly value: number | string | boolean | undefined;
  readonly dataValue: string | undefined;
  readonly sum: number | undefined;
  readonly relative: boolean;
  readonly record: SenmlRecord;
}

/** Parses the JSON form. Throws ContractError `not-json`, `schema`, `version` or `unknown-label`. */
export function parseSenml(json: string): SenmlRecord[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new ContractError('not-json', 'payload is not JSON', { cause });
  }
  if (!isSenml(parsed)) throw schemaError(parsed);
  // Section 4.4: a label that ends in "_" must be understood. One scan of the text spares a look at every label.
  if (json.includes('_"') || json.includes('\\u005')) refuseUnknownLabels(parsed);
  return parsed;
}

/** What {@link packSchema} accepts, four times as fast; unknown labels stay where they are, and nobody reads them. */
function isSenml(parsed: unknown): parsed is SenmlRecord[] {
  if (!Array.isArray(parsed) || parsed.length === 0 || parsed.length > maxPackRecords) return false;
  return (parsed as unknown[]).every(isRecord);
}

function isRecord(record: unknown): boolean {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return false;
  const fields = record as Record<string, unknown>;
  for (const label in fields) if (!isField(label, fields[label])) return false;
  return true;
}

/** The labels that nearly every record has are checked by hand, the others by their schema. */
function isField(label: string, value: unknown): boolean {
  switch (label) {
    case 'n':
      return typeof value === 'string' && value.length <= 256;
    case 'v':
    case 't':
    case 'min':
    case 'max':
    case 'first':
    case 'last':
    case 'p95':
      return Number.isFinite(value);
    case 'count':
      return Number.isSafeInteger(value) && (value as number) > 0;
    case 'span':
      return Number.isFinite(value) && (value as number) > 0;
    default:
      return labels.get(label)?.safeParse(value).success ?? true;
  }
}

/** What the schema says of a pack that was refused. */
function schemaError(parsed: unknown): ContractError {
  const issue = packSchema.safeParse(parsed).error?.issues[0];
  return new ContractError('schema', `${issue?.path.join('.') || 'pack'}: ${issue?.message}`);
}

function refuseUnknownLabels(records: readonly object[]): void {
  for (const record of records) {
    const label = Object.keys(record).find((key) => key.endsWith('_') && !labels.has(key));
    if (label !== undefined) throw new ContractError('unknown-label', `must-understand label ${label.slice(0, 40)}`);
  }
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;

/**
 * Applies the base values, in order. Records that only set base values yield nothing.
 * `nowUs` resolves times below 2^28 seconds, which are relative to the moment of receipt.
 * Throws ContractError `schema` for a bad name or a value of two kinds, `version` for a mixed or newer version.
 */
export function resolveSenml(records: readonly SenmlRecord[], nowUs: number): ResolvedRecord[] {
  let [name, time, unit, value, sum]: [string, number, string | undefined, number, number | undefined] = [
    '',
    0,
    undefined,
    0,
    undefined,
  ];
  checkVersion(records);
  const resolved: ResolvedRecord[] = [];
  // The same few names come again and again: each is put together and checked once.
  const fullNames = new Map<string, string>();
  for (const record of records) {
    if (record.bn !== undefined && record.bn !== name) {
      name = record.bn;
      fullNames.clear();
    }
    time = record.bt ?? time;
    unit = record.bu ?? unit;
    value = record.bv ?? value;
    sum = record.bs ?? sum;
    if (isBaseOnly(record)) continue;
    const ownName = record.n ?? '';
    let fullName = fullNames.get(ownName);
    if (fullName === undefined) fullNames.set(ownName, (fullName = checkName(name + ownName)));
    const seconds = time + (record.t ?? 0);
    const relative = seconds < relativeTimeLimitSeconds;
    resolved.push({
      name: fullName,
      // Rounded apart: their sum as a double would lose the microsecond from 2038 on.
      timeUs: (relative ? nowUs : 0) + secondsToUs(time) + secondsToUs(record.t ?? 0),
      unit: record.u ?? unit,
      value: recordValue(record, value),
      dataValue: record.vd,
      sum: record.s === undefined && sum === undefined ? undefined : (sum ?? 0) + (record.s ?? 0),
      relative,
      record,
    });
  }
  return resolved;
}

function checkName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new ContractError('schema', `bad name ${JSON.stringify(name.slice(0, 80))}`);
}

function isBaseOnly(record: SenmlRecord): boolean {
  return (
    record.v === undefined &&
    record.vs === undefined &&
    record.vb === undefined &&
    record.vd === undefined &&
    record.s === undefined &&
    record.n === undefined
  );
}

function recordValue(record: SenmlRecord, base: number): number | string | boolean | undefined {
  const kinds =
    Number(record.v !== undefined) +
    Number(record.vs !== undefined) +
    Number(record.vb !== undefined) +
    Number(record.vd !== undefined);
  if (kinds > 1) throw new ContractError('schema', 'a record has more than one value');
  if (kinds === 0 && record.s === undefined)
    throw new ContractError('schema', 'a record has neither a value nor a sum');
  return record.v === undefined ? (record.vs ?? record.vb) : base + record.v;
}

function checkVersion(records: readonly SenmlRecord[]): void {
  const versions = new Set(records.map((record) => record.bver).filter((version) => version !== undefined));
  // Section 4.4: all versions in a pack are the same; 10 is the RFC's, and what an absent one means.
  if (versions.size > 1) throw new ContractError('version', 'mixed SenML versions in one pack');
  const [version] = versions;
  if (version !== undefined && version > 10) throw new ContractError('version', `SenML version ${version}`);
}
