import { createHash } from 'node:crypto';
import { decodeAlertPack } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import { logTopics } from '#core/contract/log-topics.js';
import { decodePack } from '#core/contract/pack.js';
import type { EventLog, LogBatch, StoredRecord } from '#core/log/log.js';
import { Handoff } from './handoff.js';

export const logColumns = ['partition', 'offset', 'site', 'device', 'epoch', 'seq', 'contentHash', 'readings'];

/**
 * What stands in a topic now, as rows of NDJSON: one page for each batch. A record that cannot be decoded has null
 * for epoch and number. `readings` counts points, of an alert pack its alerts.
 */
export async function* logRows(log: EventLog, topic: string, site: string | undefined): AsyncGenerator<string> {
  const pages = new Handoff<string>();
  const tail = await log.tail({
    topics: [topic],
    from: 'beginning',
    onBatch: (batch) => pages.put(rowsOf(batch, site)),
    onError: (error) => pages.end(error),
  });
  tail.caughtUp.then(
    () => pages.end(),
    (error: unknown) => pages.end(error),
  );
  try {
    yield* pages;
  } finally {
    await tail.stop(1000);
  }
}

function rowsOf({ topic, partition, records }: LogBatch, site: string | undefined): string {
  let rows = '';
  for (const record of records) {
    const [recordSite, device] = record.key.split('/');
    if (site !== undefined && recordSite !== site) continue;
    const { epoch, seq, readings } = numbersOf(topic, record);
    const hash = createHash('sha256').update(record.value).digest('hex').slice(0, 32);
    rows += `${JSON.stringify([partition, record.offset, recordSite, device, epoch, seq, hash, readings])}\n`;
  }
  return rows;
}

function numbersOf(
  topic: string,
  { value }: StoredRecord,
): { epoch: string | null; seq: number | null; readings: number } {
  try {
    if (topic !== logTopics.alerts.name) {
      const { epoch, seq, points } = decodePack(value);
      return { epoch, seq, readings: points.length };
    }
    const { epoch, seq, alerts } = decodeAlertPack(value);
    return { epoch, seq, readings: alerts.length };
  } catch (error) {
    if (error instanceof ContractError) return { epoch: null, seq: null, readings: 0 };
    throw error;
  }
}
