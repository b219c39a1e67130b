/**
 * A plain SenML JSON reader, written from RFC 8428 alone and knowing nothing of Fieldline: what a third party would
 * see in our packs. Section 4.1 (base fields), 4.2 (regular fields), 4.5.2 (units), 4.5.3 (time), 4.6 (resolved records).
 */
export interface PlainRecord {
  name: string;
  unit?: string;
  value?: number | string | boolean;
  dataValue?: string;
  sum?: number;
  /** Seconds since the Unix epoch. */
  time: number;
}

type Fields = Record<string, unknown>;

export function readSenml(json: string, nowSeconds: number): PlainRecord[] {
  const base: { bn: string; bt: number; bu?: string; bv: number; bs?: number } = { bn: '', bt: 0, bv: 0 };
  const records: PlainRecord[] = [];
  for (const fields of JSON.parse(json) as Fields[]) {
    for (const key of ['bn', 'bt', 'bu', 'bv', 'bs'] as const) {
      if (fields[key] !== undefined) Object.assign(base, { [key]: fields[key] });
    }
    if (!['n', 'v', 'vs', 'vb', 'vd', 's'].some((key) => fields[key] !== undefined)) continue;
    records.push(resolve(fields, base, nowSeconds));
  }
  return records;
}

function resolve(
  fields: Fields,
  base: { bn: string; bt: number; bu?: string; bv: number; bs?: number },
  nowSeconds: number,
): PlainRecord {
  const time = base.bt + ((fields['t'] as number | undefined) ?? 0);
  const record: PlainRecord = {
    name: base.bn + ((fields['n'] as string | undefined) ?? ''),
    time: time < 268435456 ? nowSeconds + time : time,
  };
  const unit = (fields['u'] as string | undefined) ?? base.bu;
  if (unit !== undefined) record.unit = unit;
  if (fields['v'] !== undefined) record.value = base.bv + (fields['v'] as number);
  if (fields['vs'] !== undefined) record.value = fields['vs'] as string;
  if (fields['vb'] !== undefined) record.value = fields['vb'] as boolean;
  if (fields['vd'] !== undefined) record.dataValue = fields['vd'] as string;
  if (fields['s'] !== undefined || base.bs !== undefined)
    record.sum = (base.bs ?? 0) + ((fields['s'] as number | undefined) ?? 0);
  return record;
}
