import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { auditEntrySchema } from '../../../core/contract/audit.js';
import { logTopics } from '../../../core/contract/log-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { Audit, type AuditNote } from '../../../gateway/audit/audit.js';
import { LoginAudit } from '../../../gateway/audit/login-audit.js';
import { waitFor } from '../../servers/wait-for.js';
import { MemoryLog } from '../../support/memory-log.js';

const note: AuditNote = { who: 'operator', what: 'command', target: 'plant1/press-07', outcome: 'done' };

async function open(maxWaiting?: number) {
  const log = new MemoryLog();
  await log.ensureTopics([logTopics.audit]);
  const registry = new Registry();
  const audit = new Audit({
    log,
    clock: systemClock,
    logger: silentLogger,
    registry,
    ...(maxWaiting && { maxWaiting }),
  });
  onTestFinished(async () => {
    await audit.stop(100);
    await log.stop();
  });
  const written = () =>
    log.records('gateway-audit').map(({ value }) => auditEntrySchema.parse(JSON.parse(Buffer.from(value).toString())));
  const counted = async (outcome: string) => {
    const { values } = (await registry.getSingleMetric('fieldline_gateway_audit_total')!.get()) as {
      values: { labels: Record<string, unknown>; value: number }[];
    };
    return values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
  };
  return { log, audit, written, counted };
}

describe('the audit', () => {
  it('is in the log with the time, in the order in which it was said', async () => {
    const { audit, written, counted } = await open();
    audit.note({ ...note, detail: 'before the start' });
    await audit.start();
    for (let i = 0; i < 1200; i += 1) audit.note({ ...note, detail: String(i) });
    await waitFor('all of them', 20_000, () => written().length === 1201);
    expect(written().map(({ detail }) => detail)).toEqual([
      'before the start',
      ...Array.from({ length: 1200 }, (_, i) => String(i)),
    ]);
    expect(written()[0]).toMatchObject({ ...note, timeUs: expect.any(Number) });
    expect(await counted('written')).toBe(1201);
  });

  it('waits for a log that is away, up to its bound, and counts what it drops', async () => {
    const { log, audit, written, counted } = await open(10);
    log.away = true;
    await audit.start();
    audit.note(note);
    // The first is on its way to the log; ten more wait.
    await waitFor('the first to be taken', 20_000, async () => {
      audit.note(note);
      return (await counted('dropped')) >= 3;
    });
    expect(written()).toEqual([]);
    log.away = false;
    log.wake();
    await waitFor('those that waited', 20_000, () => written().length >= 11);
  });

  it('cuts what is too long instead of refusing it', async () => {
    const { audit, written } = await open();
    await audit.start();
    audit.note({ ...note, who: 'x'.repeat(70_000), detail: 'y'.repeat(70_000), target: 'z'.repeat(300) });
    await waitFor('the entry', 20_000, () => written().length === 1);
    expect([written()[0]!.who.length, written()[0]!.detail!.length, written()[0]!.target.length]).toEqual([
      256, 500, 256,
    ]);
  });

  it('of log-ins that fail in a loop it has some of each address, and how many it left out', () => {
    const entries: AuditNote[] = [];
    let nowMs = 0;
    const audit = { note: (entry: AuditNote) => void entries.push(entry) };
    const logins = new LoginAudit({ audit, monotonicMs: () => nowMs, intervalMs: 1000, burst: 2, maxAddresses: 2 });
    for (let i = 0; i < 10; i += 1) logins.refused(`who-${i}`, '192.0.2.1', 'unauthorised');
    logins.refused(undefined, '192.0.2.2', 'unauthorised');
    expect(entries.map(({ who }) => who)).toEqual(['who-0', 'who-1', 'unknown']);
    nowMs = 1000;
    logins.refused('later', '192.0.2.1', 'unauthorised');
    expect(entries.at(-1)).toMatchObject({
      who: 'later',
      detail: 'unauthorised; 8 from this address were not noted before',
    });
  });
});
