import { Counter, type Registry } from 'prom-client';
import { observe } from '../runtime/metrics.js';

export interface LogState {
  healthy(): boolean;
  /** Records that were handed to `append` and are not durable yet. */
  waitingRecords(): number;
}

/** What both event logs tell about themselves; a log without a registry counts nothing. */
export class LogMetrics {
  private readonly records: Counter<'topic'> | undefined;
  private readonly bytes: Counter<'topic'> | undefined;
  private readonly retries: Counter | undefined;
  private readonly redelivered: Counter<'group'> | undefined;
  private readonly unread: Counter<'topic'> | undefined;

  constructor(registry: Registry | undefined, state: LogState) {
    if (!registry) return;
    const registers = [registry];
    const labelNames = ['topic'] as const;
    const name = (rest: string): string => `fieldline_log_${rest}`;
    this.records = new Counter({ name: name('records_total'), help: 'Records made durable', labelNames, registers });
    this.bytes = new Counter({ name: name('bytes_total'), help: 'Bytes made durable', labelNames, registers });
    this.retries = new Counter({ name: name('retries_total'), help: 'Failed tries to write a batch', registers });
    this.redelivered = new Counter({
      name: name('redelivered_batches_total'),
      help: 'Batches that a consumer rejected and that came again',
      labelNames: ['group'],
      registers,
    });
    this.unread = new Counter({
      name: name('expired_unread_records_total'),
      help: 'Records that went with their retention before every group had read them',
      labelNames,
      registers,
    });
    observe(registry, name('healthy'), '1 if an append could succeed now', () => Number(state.healthy()));
    observe(registry, name('waiting_records'), 'Records not durable yet', () => state.waitingRecords());
  }

  appended(topic: string, records: number, bytes: number): void {
    this.records?.inc({ topic }, records);
    this.bytes?.inc({ topic }, bytes);
  }

  retried(): void {
    this.retries?.inc();
  }

  redeliver(group: string): void {
    this.redelivered?.inc({ group });
  }

  expiredUnread(topic: string, records: number): void {
    this.unread?.inc({ topic }, records);
  }
}
