import type { EventLog, LogRecord } from '../../core/log/log.js';

/** What an append meets: an error before it reached the log, or after the log took it. */
export interface AppendFault {
  readonly error: Error;
  readonly after?: boolean;
}

/** An event log whose appends a test can hold back, make fail, and look at; everything else goes to the log behind it. */
export class FaultyLog implements EventLog {
  /** The appends that reached the log behind, in order. */
  readonly appends: { topic: string; records: readonly LogRecord[] }[] = [];
  /** Asked for each append. */
  fault: (topic: string, records: readonly LogRecord[]) => AppendFault | undefined = () => undefined;
  /** Appends now held back. */
  held = 0;
  private gate: Promise<void> | undefined;
  private open: () => void = () => undefined;

  constructor(readonly behind: EventLog) {}

  /** Holds appends back until `release`. */
  hold(): void {
    this.gate ??= new Promise((resolve) => (this.open = resolve));
  }

  release(): void {
    this.gate = undefined;
    this.open();
  }

  async append(topic: string, records: readonly LogRecord[]): Promise<void> {
    while (this.gate) {
      this.held += 1;
      await this.gate;
      this.held -= 1;
    }
    const fault = this.fault(topic, records);
    if (fault && !fault.after) throw fault.error;
    await this.behind.append(topic, records);
    this.appends.push({ topic, records });
    if (fault) throw fault.error;
  }

  start = (): Promise<void> => this.behind.start();
  stop = (deadlineMs: number): Promise<void> => this.behind.stop(deadlineMs);
  ensureTopics: EventLog['ensureTopics'] = (specs) => this.behind.ensureTopics(specs);
  subscribe: EventLog['subscribe'] = (options) => this.behind.subscribe(options);
  tail: EventLog['tail'] = (options) => this.behind.tail(options);
  bounds: EventLog['bounds'] = (topic) => this.behind.bounds(topic);
  read: EventLog['read'] = (...place) => this.behind.read(...place);
  lag: EventLog['lag'] = (group, topics) => this.behind.lag(group, topics);
  healthy = (): boolean => this.gate === undefined && this.behind.healthy();
}
