/** Ids that one session may have open; beyond it the oldest is forgotten, and its message may be stored twice. */
const maxOpen = 1024;
const maxSessions = 10_000;
const keepMs = 3_600_000;

/**
 * The QoS 2 publishes of one session whose PUBREL has not come: a PUBLISH under such an id is the same one again, and
 * is not stored again. [MQTT-4.3.3-2]
 */
export class OpenPublishes<Connection> {
  /** Whether the log has it. */
  private readonly ids = new Map<number, boolean>();

  /** The connection that the answers go to. */
  constructor(public connection: Connection) {}

  get size(): number {
    return this.ids.size;
  }

  /** `new`: it is open from now on, and to be stored. */
  begin(id: number): 'new' | 'storing' | 'stored' {
    const stored = this.ids.get(id);
    if (stored !== undefined) return stored ? 'stored' : 'storing';
    this.ids.set(id, false);
    if (this.ids.size > maxOpen) this.ids.delete(this.ids.keys().next().value!);
    return 'new';
  }

  stored(id: number): void {
    if (this.ids.has(id)) this.ids.set(id, true);
  }

  /** At PUBREL, or when it was not stored. Whether it was open. */
  end(id: number): boolean {
    return this.ids.delete(id);
  }
}

/**
 * The open publishes of sessions that outlive their connection, by client id: in memory, bounded, for an hour. A gateway
 * that has forgotten them stores such a message a second time, which is removed behind the log.
 */
export class KeptSessions<Connection> {
  private readonly kept = new Map<string, { readonly open: OpenPublishes<Connection>; usedMs: number }>();

  constructor(private readonly monotonicMs: () => number) {}

  get size(): number {
    return this.kept.size;
  }

  /** Those of a client id that connects; a clean session begins without any. */
  resume(clientId: string, connection: Connection, clean: boolean): OpenPublishes<Connection> {
    const found = this.kept.get(clientId);
    this.kept.delete(clientId);
    const usedMs = this.monotonicMs();
    const isKnown = !clean && found !== undefined && usedMs - found.usedMs < keepMs;
    const open = isKnown ? found.open : new OpenPublishes(connection);
    open.connection = connection;
    if (!clean) this.kept.set(clientId, { open, usedMs });
    if (this.kept.size > maxSessions) this.kept.delete(this.kept.keys().next().value!);
    return open;
  }

  /** A connection is lost; what has nothing open need not be remembered. */
  leave(clientId: string, open: OpenPublishes<Connection>, connection: Connection): void {
    const found = this.kept.get(clientId);
    // Another connection may have gone on with it already.
    if (found?.open !== open || open.connection !== connection) return;
    if (open.size === 0) this.kept.delete(clientId);
    else found.usedMs = this.monotonicMs();
  }
}
