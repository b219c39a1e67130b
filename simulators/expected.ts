import { decodeAlertPack } from '#core/contract/alert.js';
import { decodePack } from '#core/contract/pack.js';
import type { Value } from '#core/contract/reading.js';
import { readJournal, type JournalHeader } from './journal.js';

export interface ExpectedPoint {
  readonly value: Value;
  readonly pack: ExpectedPack;
  seen: number;
}

export interface ExpectedPack {
  readonly id: string;
  readonly lane: 'data' | 'alert';
  acked: boolean;
}

/** What the store must hold, by the journal. */
export interface Expected {
  readonly header: JournalHeader;
  /** Series to stamp to point. */
  readonly points: Map<string, Map<number, ExpectedPoint>>;
  /** `<device>/<sensor>/<rule>/<timeUs>/<state>` to its pack. */
  readonly alerts: Map<string, ExpectedPack>;
  /** `<site>/<device>/<epoch>/<seq>` */
  readonly packs: Map<string, ExpectedPack>;
  readonly fromUs: number;
  /** Exclusive. */
  readonly toUs: number;
}

/** Reads a journal into memory. Throws an Error that names the file when it is not a journal. */
export async function readExpected(path: string): Promise<Expected> {
  const points: Expected['points'] = new Map();
  const alerts: Expected['alerts'] = new Map();
  const packs: Expected['packs'] = new Map();
  let header: JournalHeader | undefined;
  let [fromUs, toUs] = [Infinity, -Infinity];
  for await (const line of readJournal(path)) {
    if ('fieldline' in line) header = line;
    else if (!header) break;
    else if ('sent' in line) {
      const [device, epoch, seq, lane] = line.sent;
      const pack = { id: `${header.site}/${device}/${epoch}/${seq}`, lane, acked: false };
      packs.set(pack.id, pack);
      const times = lane === 'data' ? addPoints(points, line.payload, pack) : addAlerts(alerts, line.payload, pack);
      for (const timeUs of times) {
        fromUs = Math.min(fromUs, timeUs);
        toUs = Math.max(toUs, timeUs + 1);
      }
    } else if ('acked' in line) {
      const [device, epoch, seq] = line.acked;
      packs.get(`${header.site}/${device}/${epoch}/${seq}`)!.acked = true;
    }
  }
  if (!header) throw new Error(`${path} is not a journal: its first line is no header`);
  return { header, points, alerts, packs, fromUs, toUs };
}

function addPoints(points: Expected['points'], payload: string, pack: ExpectedPack): number[] {
  const decoded = decodePack(Buffer.from(payload));
  return decoded.points.map(({ sensor, timeUs, value }) => {
    const series = `${decoded.site}/${decoded.device}/${sensor}`;
    let stamps = points.get(series);
    if (!stamps) points.set(series, (stamps = new Map()));
    stamps.set(timeUs, { value, pack, seen: 0 });
    return timeUs;
  });
}

function addAlerts(alerts: Expected['alerts'], payload: string, pack: ExpectedPack): number[] {
  const decoded = decodeAlertPack(Buffer.from(payload));
  return decoded.alerts.map((alert) => {
    alerts.set(alertKey({ ...alert, device: decoded.device }), pack);
    return alert.timeUs;
  });
}

export function alertKey(alert: {
  device: string;
  sensor: string;
  rule: string;
  timeUs: number;
  state: string;
}): string {
  return `${alert.device}/${alert.sensor}/${alert.rule}/${alert.timeUs}/${alert.state}`;
}
