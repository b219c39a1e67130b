import { booleanType } from './datatypes.js';

const rebirthMetric = 'Node Control/Rebirth';

/** The payload of an NCMD that asks an edge node for its births: one metric, `Node Control/Rebirth` = true. */
export function rebirthRequest(nowMs: number): Uint8Array {
  const time = varint(nowMs);
  const name = Buffer.from(rebirthMetric);
  const metric = [0x0a, name.length, ...name, 0x18, ...time, 0x20, booleanType, 0x70, 1];
  return Buffer.from([0x08, ...time, 0x12, metric.length, ...metric]);
}

function varint(number: number): number[] {
  const bytes: number[] = [];
  for (let rest = number; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}
