interface Entry {
  readonly send: () => void;
  settled: boolean;
}

/** Acknowledges in the order of arrival, whatever order the log took the messages in. [MQTT-4.6.0-2], [MQTT-4.6.0-3] */
export class OrderedAcks {
  private readonly entries: Entry[] = [];

  /** A message came; `send` acknowledges it. Returns what to call when it is durable. */
  add(send: () => void): () => void {
    const entry = { send, settled: false };
    this.entries.push(entry);
    return () => {
      entry.settled = true;
      this.advance();
    };
  }

  private advance(): void {
    let settled = 0;
    while (this.entries[settled]?.settled) this.entries[settled++]!.send();
    if (settled > 0) this.entries.splice(0, settled);
  }
}
