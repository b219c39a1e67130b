import { describe, expect, it } from 'vitest';
import { deviceStateSchema } from '../../../core/contract/device-events.js';
import { describeSensor } from '../../support/packs.js';
import { waitFor } from '../../servers/wait-for.js';
import { TestBroker } from './test-broker.js';
import { numbers, openUplink } from './uplink-under-test.js';

const withinMs = 8000;

describe('on every connection', () => {
  it('says the birth, with its catalogue, before anything else', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox, catalogue } = await openUplink(broker.url);
    catalogue.describe({ temp: describeSensor() });
    await append(3);
    await append(1, 'alert');
    await uplink.start();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    expect(broker.taken.map(({ kind }) => kind).slice(0, 2)).toEqual(['state', 'alert']);
    const birth = broker.states()[0]!;
    expect(deviceStateSchema.parse(birth)).toEqual(birth);
    expect(birth).toMatchObject({ type: 'birth', epoch: outbox.epoch, lastSeq: 3, oldestHeld: 0, version: '1.2.3' });
    expect(birth['catalogueHash']).toBe(catalogue.current.hash);
    expect(uplink.status()).toMatchObject({ connected: true, inFlight: 0, connections: 1, lastError: undefined });
  });

  it('is another session, so that a late will is not taken for the new one', async () => {
    const broker = await TestBroker.start();
    const { uplink } = await openUplink(broker.url);
    await uplink.start();
    await waitFor('a birth', withinMs, () => broker.states('birth').length === 1);
    broker.cutClients();
    await waitFor('another birth and the will', withinMs, () => broker.states().length === 3);
    const [first, second] = broker.states('birth');
    expect(first!['session']).not.toBe(second!['session']);
    expect(broker.states('offline')).toEqual([{ type: 'offline', session: first!['session'] }]);
  });

  it('says another birth when a sensor is added', async () => {
    const broker = await TestBroker.start();
    const { uplink, catalogue } = await openUplink(broker.url);
    await uplink.start();
    await waitFor('a birth', withinMs, () => uplink.status().connected);
    catalogue.describe({ extra: describeSensor() });
    await waitFor('another birth', withinMs, () => broker.states('birth').length === 2);
    expect(broker.states('birth')[1]!['catalogueHash']).toBe(catalogue.current.hash);
  });
});

describe('the order', () => {
  it('is by number, data and alerts each for itself', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    for (let i = 0; i < 20; i += 1) {
      await append(5);
      await append(1, 'alert');
    }
    await uplink.start();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    const all = numbers(0, 120);
    expect(broker.seqs('alert')).toEqual(all.filter((seq) => seq % 6 === 5));
    expect(broker.seqs('data')).toEqual(all.filter((seq) => seq % 6 !== 5));
  });

  it('lets an alert and live data overtake a backlog of 10,000', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url, { backlogPacksPerSecond: 100 });
    await append(10_000);
    await uplink.start();
    await waitFor('the backlog begins', withinMs, () => broker.seqs('data').length > 5);
    const before = broker.taken.length;
    const [alert] = await append(1, 'alert');
    const [live] = await append(1);
    await waitFor('both', 2000, () => broker.seqs('alert').includes(alert!) && broker.seqs('data').includes(live!), 1);
    // A busy machine lets more of the backlog pass meanwhile, but they are not behind it.
    expect(broker.taken.length - before).toBeLessThan(2000);
    expect(outbox.status().pendingPacks).toBeGreaterThan(7000);
    const backlog = broker.seqs('data').filter((seq) => seq !== live);
    expect(backlog).toEqual(numbers(0, backlog.length));
  });

  it('drains a backlog at its rate', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url, { backlogPacksPerSecond: 100, inFlight: 4 });
    await append(60);
    const startMs = performance.now();
    await uplink.start();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0, 2);
    const seconds = (performance.now() - startMs) / 1000;
    // 10 at once, the others at 100 a second.
    expect(seconds).toBeGreaterThan(0.45);
  });
});

describe('the window', () => {
  it('is never exceeded, by live data either, and goes on with each PUBACK', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url, { inFlight: 5 });
    await uplink.start();
    await waitFor('connected', withinMs, () => uplink.status().connected);
    broker.hold();
    for (let i = 0; i < 10; i += 1) await append(4, i % 2 ? 'alert' : 'data');
    await waitFor('a full window', withinMs, () => broker.heldPacks === 5);
    expect(uplink.status().inFlight).toBe(5);
    broker.release();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    expect(broker.mostHeld).toBe(5);
    expect(broker.seqs('data').length + broker.seqs('alert').length).toBe(40);
  });

  it('gives a backlog no more than half of itself', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url, { inFlight: 6 });
    await append(50);
    broker.hold();
    await uplink.start();
    await waitFor('a half window', withinMs, () => uplink.status().inFlight === 3);
    // aedes reads no further while it holds so many: what counts is what left.
    await append(1, 'alert');
    await waitFor('the alert left', withinMs, () => uplink.status().inFlight === 4);
    await append(10);
    await waitFor('a full window', withinMs, () => uplink.status().inFlight === 6);
    broker.release();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    expect(broker.mostHeld).toBeLessThanOrEqual(6);
  });
});

describe('a lost connection', () => {
  it('brings the same packs again, in order, and loses none', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    await uplink.start();
    await waitFor('connected', withinMs, () => uplink.status().connected);
    broker.hold();
    await append(30);
    await waitFor('packs on the wire', withinMs, () => broker.heldPacks === 16);
    const first = broker.seqs('data');
    broker.cutClients();
    // The ends of these publishes are no receipts.
    await waitFor('it noticed', withinMs, () => broker.connections === 2);
    expect(outbox.status().pendingPacks).toBe(30);
    broker.release();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    expect(first).toEqual(numbers(0, 16));
    expect(broker.seqs('data').slice(16)).toEqual(numbers(0, 30));
    const payloads = new Map<number, Buffer>();
    for (const { seq, payload, kind } of broker.taken) {
      if (kind !== 'data') continue;
      expect(payload.equals(payloads.get(seq!) ?? payload)).toBe(true);
      payloads.set(seq!, payload);
    }
  });

  it('may last from the first try on, and longer than any back-off', async () => {
    const broker = await TestBroker.start();
    const { port } = broker;
    await broker.close();
    const { uplink, append, outbox } = await openUplink(`mqtt://127.0.0.1:${port}`);
    await uplink.start();
    await append(3);
    await waitFor('several tries', withinMs, () => uplink.status().lastError !== undefined);
    expect(uplink.status()).toMatchObject({ connected: false, connections: 0 });
    await broker.listen();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    await broker.close();
    await append(3);
    await waitFor('it noticed', withinMs, () => !uplink.status().connected);
    await broker.listen();
    await waitFor('the rest', withinMs, () => outbox.status().pendingPacks === 0);
    expect(new Set(broker.seqs('data'))).toEqual(new Set(numbers(0, 6)));
  });
});

describe('heartbeats', () => {
  it('come at their interval, and soon after the last of some packs', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url, { heartbeatMs: 60_000 });
    await uplink.start();
    await waitFor('connected', withinMs, () => uplink.status().connected);
    await append(3);
    // One of fewer packs comes before, where a second passes between them.
    const heartbeat = await waitFor('the heartbeat', withinMs, () =>
      broker.states('heartbeat').find(({ lastSeq, pending }) => lastSeq === 2 && pending === 0),
    );
    expect(deviceStateSchema.parse(heartbeat)).toEqual(heartbeat);
    expect(heartbeat).toMatchObject({ epoch: outbox.epoch, lastSeq: 2, oldestHeld: 0, pending: 0 });
    expect(heartbeat['session']).toBe(broker.states('birth')[0]!['session']);
  });
});

describe('commands', () => {
  it('bring asked-for packs again, and are answered', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    await append(10);
    await uplink.start();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    const before = broker.taken.length;
    await broker.command('c1', { type: 'resend', epoch: outbox.epoch, from: 3, to: 5 });
    await waitFor('three packs and a result', withinMs, () => broker.taken.length === before + 4);
    expect(broker.seqs('data').slice(10)).toEqual([3, 4, 5]);
    const results = () => broker.taken.filter(({ kind }) => kind === 'result').map(({ payload }) => payload.toString());
    expect(JSON.parse(results()[0]!)).toEqual({ ok: true, resent: 3 });
    await broker.command('c2', { type: 'resend', epoch: 'f'.repeat(32), from: 3, to: 5 });
    await broker.command('c3', { type: 'dance' });
    await waitFor('two refusals', withinMs, () => results().length === 3);
    expect(
      results()
        .slice(1)
        .map((text) => (JSON.parse(text) as { ok: boolean }).ok),
    ).toEqual([false, false]);
  });
});

describe('a cloned card', () => {
  it('begins a new epoch when the gateway has seen a number that this device never gave out', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    await append(3);
    await uplink.start();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    const { epoch } = outbox;
    await broker.command('c1', { type: 'new-epoch', epoch, seen: 2 });
    await waitFor('a refusal', withinMs, () => broker.taken.some(({ kind }) => kind === 'result'));
    expect(outbox.epoch).toBe(epoch);
    await broker.command('c2', { type: 'new-epoch', epoch, seen: 77 });
    await waitFor('another birth', withinMs, () => broker.states('birth').length === 2);
    expect(outbox.epoch).not.toBe(epoch);
    expect(broker.states('birth')[1]).toMatchObject({ epoch: outbox.epoch, lastSeq: -1 });
    await append(1);
    await waitFor('the next pack', withinMs, () => broker.seqs('data').length === 4);
    expect(broker.seqs('data').at(-1)).toBe(0);
  });
});

describe('stopping', () => {
  it('sends what is pending, says goodbye once, and leaves no will', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    await uplink.start();
    await waitFor('connected', withinMs, () => uplink.status().connected);
    await append(200);
    await uplink.stop(60_000);
    expect(outbox.status().pendingPacks).toBe(0);
    await waitFor('gone', withinMs, () => broker.clients.size === 0);
    expect(broker.states('offline')).toEqual([{ type: 'offline', session: broker.states('birth')[0]!['session'] }]);
    expect(uplink.status()).toMatchObject({ connected: false, inFlight: 0 });
  });

  it('ends in time while PUBACKs are held, and while there is no gateway', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    await uplink.start();
    await waitFor('connected', withinMs, () => uplink.status().connected);
    broker.hold();
    await append(30);
    await waitFor('packs on the wire', withinMs, () => broker.heldPacks > 0);
    const startMs = performance.now();
    await uplink.stop(1000);
    expect(performance.now() - startMs).toBeLessThan(15_000);
    expect(outbox.status().pendingPacks).toBe(30);

    const lonely = await openUplink('mqtt://127.0.0.1:9');
    await lonely.uplink.start();
    await lonely.uplink.stop(1000);
    await lonely.uplink.stop(1000);
  });

  it('can be started again', async () => {
    const broker = await TestBroker.start();
    const { uplink, append, outbox } = await openUplink(broker.url);
    await uplink.start();
    await uplink.start();
    await append(1);
    await waitFor('connected', withinMs, () => uplink.status().connected);
    await uplink.stop(1000);
    await append(1);
    await uplink.start();
    await waitFor('all packs', withinMs, () => outbox.status().pendingPacks === 0);
    expect(broker.connections).toBe(2);
  });
});
