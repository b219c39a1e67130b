/** How one topic of the event log is kept. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Records older than this go; undefined for a compacted topic, which keeps the newest of each key. */
  readonly retentionHours?: number;
  readonly compression: 'lz4' | 'none';
}

/** The topics and settings of the customer. Key = `<site>/<device>`; of `device-events` see `deviceEventKey`. */
export const logTopics = {
  readings: { name: 'sensor-readings', partitions: 20, retentionHours: 168, compression: 'lz4' },
  alerts: { name: 'alerts', partitions: 5, retentionHours: 720, compression: 'lz4' },
  deadLetters: { name: 'dead-letters', partitions: 1, retentionHours: 720, compression: 'lz4' },
  deviceEvents: { name: 'device-events', partitions: 5, compression: 'lz4' },
  /** Who did what; see `auditEntrySchema`. Key = what it was done to. */
  audit: { name: 'gateway-audit', partitions: 1, retentionHours: 720, compression: 'lz4' },
} as const satisfies Record<string, TopicSpec>;

/** The headers of a dead letter; its value is the raw bytes as they came. */
export interface DeadLetterHeaders extends Record<string, string> {
  /** A closed-list code: a ContractErrorCode, `unknown-device`, `unknown-sensor`, `unit-mismatch`, … */
  reason: string;
  /** One sentence for a person. */
  detail: string;
  /** The stage that set it aside: `gateway` or `ingest`. */
  stage: string;
  /** The MQTT topic, or `<log topic>/<partition>/<offset>`, that it came from. */
  source: string;
  receivedUs: string;
}
