import pc from 'picocolors';

/** What one look at the running line tells. */
export interface LineStatus {
  readonly readingsPerSecond: number;
  readonly latencyP99Ms: number | undefined;
  readonly devicesOnline: number;
  readonly devicesTotal: number;
  /** Packs that wait in the outboxes of this process. */
  readonly outboxPending: number;
  /** What is not as it should be, in a few words each. */
  readonly troubles: readonly string[];
}

/** One line for the terminal: `1,204 readings/s · p99 84 ms · 11/11 devices · outbox 3`. */
export function statusLine(status: LineStatus): string {
  const latency = status.latencyP99Ms === undefined ? '–' : `${Math.round(status.latencyP99Ms)} ms`;
  const parts = [
    `${status.readingsPerSecond.toLocaleString('en-US', { maximumFractionDigits: 0 })} readings/s`,
    `end-to-end p99 ${latency}`,
    `${status.devicesOnline}/${status.devicesTotal} devices online`,
    `outbox ${status.outboxPending.toLocaleString('en-US')}`,
    ...status.troubles.map((trouble) => pc.yellow(trouble)),
  ];
  return parts.join(pc.dim(' · '));
}
