import { Readable } from 'node:stream';
import type { RoutingLosses } from './routing-losses.js';
import { sizeOf, SessionQueue, type OutgoingPacket } from './session-queue.js';
import { TopicTree } from './topic-tree.js';

export interface SessionLimits {
  /** Sessions of clients that asked to be remembered while they are away. */
  readonly maxSessions: number;
  /** Messages that wait for one of them; and their bytes, of all together. */
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  /** Retained messages of clients, and their bytes; those of the gateway itself are not counted. */
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
}

export interface SessionStoreOptions {
  readonly limits: SessionLimits;
  readonly losses: RoutingLosses;
  /** Whether the gateway itself retains messages on this topic: these are never refused. */
  readonly isOwnTopic: (topic: string) => boolean;
}

type Qos = 0 | 1 | 2;

export interface StoredSubscription {
  readonly topic: string;
  readonly qos: Qos;
}

export interface TopicSubscriber extends StoredSubscription {
  readonly clientId: string;
}

/** QoS 2 publishes of one client of which it has not said that it knows them received. */
const maxOpenIds = 2000;

interface Identified {
  readonly id: string;
}

interface Session {
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly queue: SessionQueue;
}

/**
 * What aedes must remember: sessions, what waits for clients that are away, retained messages, open QoS 2 ids. In
 * memory and bounded; what finds no room is counted. The interface is that of aedes-persistence, as far as aedes 1.2
 * calls it; all its functions are asynchronous for other stores' sake.
 */
export class SessionStore {
  /** The session used longest ago comes first. */
  private readonly sessions = new Map<string, Session>();
  /** By topic filter: the clients with a session, and the QoS that each asked for. */
  private readonly subscribers = new TopicTree<Map<string, Qos>>();
  private readonly retained = new TopicTree<OutgoingPacket>();
  private readonly incoming = new Map<string, Set<number>>();
  private isConnected: (clientId: string) => boolean = () => false;
  queuedMessages = 0;
  queuedBytes = 0;
  retainedMessages = 0;
  retainedBytes = 0;

  constructor(private readonly options: SessionStoreOptions) {}

  get sessionCount(): number {
    return this.sessions.size;
  }

  async setup({ clients }: { clients: Readonly<Record<string, unknown>> }): Promise<void> {
    this.isConnected = (clientId) => clients[clientId] !== undefined;
  }

  async storeRetained(packet: OutgoingPacket & { topic: string; payload: Buffer }): Promise<void> {
    const { topic, payload } = packet;
    const before = this.retained.get(topic);
    this.countRetained(topic, before, -1);
    if (payload.length === 0) return this.retained.delete(topic);
    const { limits, losses, isOwnTopic } = this.options;
    const isFull =
      this.retainedMessages >= limits.maxRetainedMessages ||
      this.retainedBytes + sizeOf(packet) > limits.maxRetainedBytes;
    if (isFull && !isOwnTopic(topic)) {
      losses.add('retained', { topic });
      return this.retained.delete(topic);
    }
    // aedes changes the packet afterwards.
    this.retained.set(topic, { ...packet });
    this.countRetained(topic, packet, 1);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(filters.flatMap((filter) => this.retained.matchedBy(filter)));
  }

  async addSubscriptions({ id }: Identified, subscriptions: readonly StoredSubscription[]): Promise<void> {
    const session = this.sessions.get(id) ?? this.newSession(id);
    for (const { topic, qos } of subscriptions) {
      session.subscriptions.set(topic, { topic, qos });
      const clients = this.subscribers.get(topic);
      // Messages of QoS 0 wait for nobody.
      if (qos === 0) this.unsubscribe(id, topic);
      else if (clients) clients.set(id, qos);
      else this.subscribers.set(topic, new Map([[id, qos]]));
    }
  }

  async removeSubscriptions({ id }: Identified, topics: readonly string[]): Promise<void> {
    const session = this.sessions.get(id);
    for (const topic of session ? topics : []) {
      session!.subscriptions.delete(topic);
      this.unsubscribe(id, topic);
    }
  }

  /** Asked when a client with a session comes back. */
  async subscriptionsByClient({ id }: Identified): Promise<StoredSubscription[]> {
    const session = this.sessions.get(id);
    if (!session) return [];
    this.sessions.delete(id);
    this.sessions.set(id, session);
    return [...session.subscriptions.values()];
  }

  /** Whom a message of QoS 1 or 2 must wait for: each client once, with the highest QoS that it asked for. */
  async subscriptionsByTopic(topic: string): Promise<TopicSubscriber[]> {
    const found = new Map<string, Qos>();
    for (const clients of this.subscribers.matching(topic)) {
      for (const [id, qos] of clients) if (qos > (found.get(id) ?? 0)) found.set(id, qos);
    }
    return Array.from(found, ([clientId, qos]) => ({ clientId, topic, qos }));
  }

  /** Ends the session of a client that wants a new one. */
  async cleanSubscriptions({ id }: Identified): Promise<void> {
    this.endSession(id);
  }

  async outgoingEnqueueCombi(subscribers: readonly TopicSubscriber[], packet: OutgoingPacket): Promise<void> {
    const bytes = sizeOf(packet);
    for (const { clientId, qos } of subscribers) this.enqueue(clientId, qos, packet, bytes);
  }

  async outgoingEnqueue({ clientId }: { clientId: string }, packet: OutgoingPacket): Promise<void> {
    this.enqueue(clientId, 2, packet, sizeOf(packet));
  }

  /** What found no room is not here, and is delivered all the same, once. */
  async outgoingUpdate({ id }: Identified, packet: OutgoingPacket): Promise<void> {
    this.sessions.get(id)?.queue.update(packet);
  }

  async outgoingClearMessageId({ id }: Identified, packet: OutgoingPacket): Promise<OutgoingPacket | undefined> {
    const queue = this.sessions.get(id)?.queue;
    if (!queue) return undefined;
    const bytes = queue.bytes;
    const removed = queue.remove(packet.messageId);
    this.queuedBytes -= bytes - queue.bytes;
    if (removed) this.queuedMessages -= 1;
    return removed;
  }

  outgoingStream({ id }: Identified): Readable {
    return Readable.from(this.sessions.get(id)?.queue.packets() ?? []);
  }

  async incomingStorePacket({ id }: Identified, { messageId }: OutgoingPacket): Promise<void> {
    const ids = this.incoming.get(id) ?? this.newIncoming(id);
    ids.add(messageId!);
    // A client that leaves more open is not served better than one without QoS 2.
    if (ids.size > maxOpenIds) ids.delete(ids.values().next().value!);
  }

  /** Rejects for an id that is not open, as aedes expects. */
  async incomingGetPacket({ id }: Identified, { messageId }: OutgoingPacket): Promise<{ messageId: number }> {
    if (!this.incoming.get(id)?.has(messageId!)) throw new Error('no such packet');
    return { messageId: messageId! };
  }

  async incomingDelPacket({ id }: Identified, { messageId }: OutgoingPacket): Promise<void> {
    const ids = this.incoming.get(id);
    ids?.delete(messageId!);
    if (ids?.size === 0) this.incoming.delete(id);
  }

  async cleanIncoming({ id }: Identified): Promise<void> {
    this.incoming.delete(id);
  }

  // The will of a connection lives and ends with it, in aedes itself; these are for several brokers over one store.
  async putWill(): Promise<void> {}
  async delWill(): Promise<void> {}
  streamWill(): Readable {
    return Readable.from([]);
  }

  private newSession(id: string): Session {
    this.endOldest();
    const session = { subscriptions: new Map<string, StoredSubscription>(), queue: new SessionQueue() };
    this.sessions.set(id, session);
    return session;
  }

  private newIncoming(id: string): Set<number> {
    if (this.incoming.size >= this.options.limits.maxSessions) {
      for (const other of this.incoming.keys()) {
        if (this.isConnected(other)) continue;
        this.incoming.delete(other);
        break;
      }
    }
    const ids = new Set<number>();
    this.incoming.set(id, ids);
    return ids;
  }

  /** Makes room for one. No more clients are connected than the gateway lets in, so these need no limit here. */
  private endOldest(): void {
    const { limits, losses } = this.options;
    for (const id of this.sessions.keys()) {
      if (this.sessions.size < limits.maxSessions) return;
      if (this.isConnected(id)) continue;
      losses.add('session', { client: id });
      this.endSession(id);
    }
  }

  private endSession(id: string): void {
    const session = this.sessions.get(id);
    this.incoming.delete(id);
    if (!session) return;
    this.sessions.delete(id);
    for (const topic of session.subscriptions.keys()) this.unsubscribe(id, topic);
    this.queuedMessages -= session.queue.length;
    this.queuedBytes -= session.queue.bytes;
  }

  private unsubscribe(id: string, topic: string): void {
    const clients = this.subscribers.get(topic);
    if (clients?.delete(id) && clients.size === 0) this.subscribers.delete(topic);
  }

  private enqueue(id: string, qos: Qos, packet: OutgoingPacket, bytes: number): void {
    const queue = this.sessions.get(id)?.queue;
    if (!queue) return;
    const { limits, losses } = this.options;
    if (queue.length >= limits.maxQueuedMessages) return losses.add('session-queue', { client: id });
    if (this.queuedBytes + bytes > limits.maxQueuedBytes) return losses.add('all-queues', { client: id });
    queue.add({ ...packet, qos: Math.min(qos, packet.qos ?? 0) as Qos });
    this.queuedMessages += 1;
    this.queuedBytes += bytes;
  }

  private countRetained(topic: string, packet: OutgoingPacket | undefined, sign: 1 | -1): void {
    if (!packet || this.options.isOwnTopic(topic)) return;
    this.retainedMessages += sign;
    this.retainedBytes += sign * sizeOf(packet);
  }
}
