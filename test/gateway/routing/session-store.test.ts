import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { RoutingLosses } from '../../../gateway/routing/routing-losses.js';
import { SessionStore, type SessionLimits } from '../../../gateway/routing/session-store.js';
import { sizeOf, type OutgoingPacket } from '../../../gateway/routing/session-queue.js';

const wide: SessionLimits = {
  maxSessions: 10,
  maxQueuedMessages: 100,
  maxQueuedBytes: 1e6,
  maxRetainedMessages: 10,
  maxRetainedBytes: 1e6,
};

async function openStore(limits: Partial<SessionLimits> = {}) {
  const registry = new Registry();
  const store = new SessionStore({
    limits: { ...wide, ...limits },
    losses: new RoutingLosses(registry, silentLogger, systemClock),
    isOwnTopic: (topic) => topic.startsWith('fieldline/'),
  });
  const clients: Record<string, unknown> = {};
  await store.setup({ clients });
  const losses = async (): Promise<Record<string, number>> => {
    const metric = await registry.getSingleMetric('fieldline_gateway_routed_lost_total')!.get();
    return Object.fromEntries(metric.values.map(({ labels, value }) => [labels['reason'], value]));
  };
  return { store, clients, losses };
}

let counter = 0;
const message = (topic: string, payload = 'x', qos: 0 | 1 | 2 = 1) => ({
  cmd: 'publish',
  topic,
  payload: Buffer.from(payload),
  qos,
  retain: false,
  dup: false,
  brokerId: 'here',
  brokerCounter: (counter += 1),
});

async function publish(store: SessionStore, packet: OutgoingPacket & { topic: string }): Promise<void> {
  await store.outgoingEnqueueCombi(await store.subscriptionsByTopic(packet.topic), packet);
}

const waitingFor = async (store: SessionStore, id: string): Promise<OutgoingPacket[]> =>
  (await store.outgoingStream({ id }).toArray()) as OutgoingPacket[];
const texts = (packets: readonly OutgoingPacket[]) => packets.map(({ payload }) => String(payload));
const a = { id: 'a' };

describe('sessions', () => {
  it('keep what is published while their client is away, each client once, with its highest QoS', async () => {
    const { store } = await openStore();
    await store.addSubscriptions(a, [
      { topic: 't/#', qos: 1 },
      { topic: 't/+', qos: 2 },
      { topic: 'other', qos: 0 },
    ]);
    await publish(store, message('t/1', 'one', 2));
    await publish(store, message('t/1/2', 'two', 2));
    await publish(store, message('t/1', 'three', 1));
    await publish(store, message('other', 'four', 1));
    const packets = await waitingFor(store, 'a');
    expect(texts(packets)).toEqual(['one', 'two', 'three']);
    expect(packets.map(({ qos }) => qos)).toEqual([2, 1, 1]);
    expect(await store.subscriptionsByClient(a)).toHaveLength(3);
  });

  it('forget a message when it is acknowledged, and mark it as repeated if it was written before', async () => {
    const { store } = await openStore();
    await store.addSubscriptions(a, [{ topic: 't', qos: 2 }]);
    const [first, second] = [message('t', 'one', 1), message('t', 'two', 2)];
    await publish(store, first);
    await publish(store, second);
    await store.outgoingUpdate(a, { ...first, messageId: 7 });
    expect((await waitingFor(store, 'a')).map(({ dup, messageId }) => [dup, messageId])).toEqual([
      [true, 7],
      [false, undefined],
    ]);
    expect(texts([(await store.outgoingClearMessageId(a, { cmd: 'puback', messageId: 7 }))!])).toEqual(['one']);
    await store.outgoingUpdate(a, { ...second, messageId: 8 });
    await store.outgoingUpdate(a, { cmd: 'pubrel', messageId: 8 });
    expect(await waitingFor(store, 'a')).toEqual([{ cmd: 'pubrel', messageId: 8 }]);
    await store.outgoingClearMessageId(a, { cmd: 'pubcomp', messageId: 8 });
    expect(await store.outgoingClearMessageId(a, { cmd: 'pubcomp', messageId: 8 })).toBeUndefined();
    expect([store.queuedMessages, store.queuedBytes]).toEqual([0, 0]);
  });

  it('hold no more messages than they may, nor all together more bytes, and count the rest', async () => {
    const size = sizeOf(message('t'));
    const { store, losses } = await openStore({ maxQueuedMessages: 3, maxQueuedBytes: 4 * size });
    for (const id of ['a', 'b']) await store.addSubscriptions({ id }, [{ topic: 't', qos: 1 }]);
    for (let i = 0; i < 5; i += 1) await publish(store, message('t', String(i)));
    // a and b in turn until four are there.
    expect(texts(await waitingFor(store, 'a'))).toEqual(['0', '1']);
    expect(store.queuedMessages).toBe(4);
    expect(await losses()).toEqual({ 'all-queues': 6 });
    await store.cleanSubscriptions({ id: 'b' });
    for (let i = 5; i < 10; i += 1) await publish(store, message('t', String(i)));
    expect(texts(await waitingFor(store, 'a'))).toEqual(['0', '1', '5']);
    expect(await losses()).toEqual({ 'all-queues': 6, 'session-queue': 4 });
    await store.cleanSubscriptions(a);
    expect([store.queuedMessages, store.queuedBytes, store.sessionCount]).toEqual([0, 0, 0]);
    await publish(store, message('t'));
    expect(store.queuedMessages).toBe(0);
  });

  it('what found no room can still be acknowledged', async () => {
    const { store } = await openStore({ maxQueuedMessages: 1 });
    await store.addSubscriptions(a, [{ topic: 't', qos: 2 }]);
    const [first, second] = [message('t', 'one', 2), message('t', 'two', 2)];
    await publish(store, first);
    await publish(store, second);
    await store.outgoingUpdate(a, { ...second, messageId: 2 });
    await store.outgoingUpdate(a, { cmd: 'pubrel', messageId: 2 });
    expect(await store.outgoingClearMessageId(a, { cmd: 'pubcomp', messageId: 2 })).toBeUndefined();
    expect(texts(await waitingFor(store, 'a'))).toEqual(['one']);
  });

  it('beyond their number the one unused for longest ends, unless its client is connected', async () => {
    const { store, clients, losses } = await openStore({ maxSessions: 3 });
    for (const id of ['a', 'b', 'c']) await store.addSubscriptions({ id }, [{ topic: id, qos: 1 }]);
    await store.subscriptionsByClient(a);
    clients['b'] = {};
    await store.addSubscriptions({ id: 'd' }, [{ topic: 'd', qos: 1 }]);
    const left = async () =>
      Promise.all(['a', 'b', 'c', 'd'].map(async (id) => (await store.subscriptionsByClient({ id })).length));
    expect(await left()).toEqual([1, 1, 0, 1]);
    expect(await store.subscriptionsByTopic('c')).toEqual([]);
    expect(await losses()).toEqual({ session: 1 });
  });

  it('unsubscribed topics are not kept', async () => {
    const { store } = await openStore();
    await store.addSubscriptions(a, [{ topic: 't', qos: 1 }]);
    await store.removeSubscriptions(a, ['t', 'never']);
    await publish(store, message('t'));
    expect(await waitingFor(store, 'a')).toEqual([]);
    await store.addSubscriptions(a, [{ topic: 't', qos: 1 }]);
    await store.addSubscriptions(a, [{ topic: 't', qos: 0 }]);
    expect(await store.subscriptionsByTopic('t')).toEqual([]);
  });
});

describe('retained messages', () => {
  const retain = (store: SessionStore, topic: string, payload: string) =>
    store.storeRetained({ ...message(topic, payload), retain: true });
  const kept = async (store: SessionStore, ...filters: string[]) =>
    texts((await store.createRetainedStreamCombi(filters).toArray()) as OutgoingPacket[]).sort();

  it('are the last of their topic, until an empty one', async () => {
    const { store } = await openStore();
    for (const [topic, payload] of [
      ['t/1', 'old'],
      ['t/1', 'one'],
      ['t/2', 'two'],
      ['$x', 'hidden'],
    ] as const) {
      await retain(store, topic, payload);
    }
    expect(await kept(store, 't/+')).toEqual(['one', 'two']);
    expect(await kept(store, '#')).toEqual(['one', 'two']);
    await retain(store, 't/1', '');
    expect(await kept(store, 't/1', 't/2')).toEqual(['two']);
    for (const topic of ['t/2', '$x', 'never']) await retain(store, topic, '');
    expect([store.retainedMessages, store.retainedBytes]).toEqual([0, 0]);
  });

  it('are so many and no more, but those of the gateway always are', async () => {
    const { store, losses } = await openStore({ maxRetainedMessages: 2 });
    for (const topic of ['t/1', 't/2', 't/3', 'fieldline/1']) await retain(store, topic, topic);
    await retain(store, 't/2', 'newer');
    expect(await kept(store, '#')).toEqual(['fieldline/1', 'newer', 't/1']);
    expect(await losses()).toEqual({ retained: 1 });
  });

  it('take no more bytes than they may', async () => {
    const { store } = await openStore({ maxRetainedBytes: 5000 });
    for (let i = 0; i < 20; i += 1) await retain(store, `t/${i}`, 'x'.repeat(1000));
    expect(store.retainedBytes).toBeLessThanOrEqual(5000);
    expect(await kept(store, '#')).toHaveLength(3);
  });
});

describe('open QoS 2 ids', () => {
  it('are known until released', async () => {
    const { store } = await openStore();
    await store.incomingStorePacket(a, { cmd: 'publish', messageId: 3 });
    await expect(store.incomingGetPacket(a, { cmd: 'pubrel', messageId: 3 })).resolves.toEqual({ messageId: 3 });
    await store.incomingDelPacket(a, { cmd: 'pubrel', messageId: 3 });
    await expect(store.incomingGetPacket(a, { cmd: 'pubrel', messageId: 3 })).rejects.toThrow('no such packet');
  });

  it('are bounded for one client and for all', async () => {
    const { store } = await openStore({ maxSessions: 5 });
    for (let messageId = 1; messageId <= 3000; messageId += 1)
      await store.incomingStorePacket(a, { cmd: 'publish', messageId });
    await expect(store.incomingGetPacket(a, { cmd: 'pubrel', messageId: 1 })).rejects.toThrow();
    await store.incomingGetPacket(a, { cmd: 'pubrel', messageId: 3000 });
    for (let i = 0; i < 5; i += 1)
      await store.incomingStorePacket({ id: `other-${i}` }, { cmd: 'publish', messageId: 1 });
    await expect(store.incomingGetPacket(a, { cmd: 'pubrel', messageId: 3000 })).rejects.toThrow();
  });
});
