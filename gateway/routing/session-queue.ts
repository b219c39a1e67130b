/** A message of the gateway to a client, as aedes makes it. */
export interface OutgoingPacket {
  readonly cmd: string;
  readonly topic?: string;
  readonly payload?: string | Buffer;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly dup?: boolean;
  /** Together they tell one message of aedes from all others. */
  readonly brokerId?: string;
  readonly brokerCounter?: number;
  /** Given when it is first written to the client. */
  readonly messageId?: number | undefined;
}

interface Entry {
  packet: OutgoingPacket;
  readonly counter: number | undefined;
  readonly bytes: number;
}

/** What objects around a payload take, by and large. */
const entryBytes = 500;

export function sizeOf({ topic = '', payload = '' }: OutgoingPacket): number {
  return entryBytes + topic.length + payload.length;
}

/** The messages of QoS 1 and 2 that one client has yet to acknowledge, in the order of their publishing. */
export class SessionQueue {
  private readonly entries = new Set<Entry>();
  private readonly byCounter = new Map<number, Entry>();
  private readonly byMessageId = new Map<number, Entry>();
  bytes = 0;

  get length(): number {
    return this.entries.size;
  }

  add(packet: OutgoingPacket): void {
    const entry: Entry = { packet, counter: packet.brokerCounter, bytes: sizeOf(packet) };
    this.entries.add(entry);
    this.bytes += entry.bytes;
    if (entry.counter !== undefined) this.byCounter.set(entry.counter, entry);
  }

  /** Notes the id under which a message was written; or that its PUBREL is what comes next. Whether it is here. */
  update(packet: OutgoingPacket): boolean {
    const { brokerCounter: counter, messageId } = packet;
    const named = counter === undefined ? undefined : this.byCounter.get(counter);
    const entry = named ?? (messageId === undefined ? undefined : this.byMessageId.get(messageId));
    if (!entry) return false;
    entry.packet = named ? { ...entry.packet, messageId } : packet;
    if (messageId !== undefined) this.byMessageId.set(messageId, entry);
    return true;
  }

  /** The client has it. */
  remove(messageId: number | undefined): OutgoingPacket | undefined {
    const entry = messageId === undefined ? undefined : this.byMessageId.get(messageId);
    if (!entry) return undefined;
    this.byMessageId.delete(messageId!);
    this.entries.delete(entry);
    this.bytes -= entry.bytes;
    if (entry.counter !== undefined) this.byCounter.delete(entry.counter);
    return entry.packet;
  }

  /** All of them; those that were written before are marked as repeated. [MQTT-3.3.1-1] */
  packets(): OutgoingPacket[] {
    return Array.from(this.entries, ({ packet }) =>
      packet.cmd === 'publish' && packet.messageId !== undefined ? { ...packet, dup: true } : packet,
    );
  }
}
