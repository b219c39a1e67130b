import { describe, expect, it } from 'vitest';
import { decodePack } from '../../core/contract/pack.js';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { RejectedError, RetryableError } from '../../core/runtime/errors.js';
import { waitFor } from '../servers/wait-for.js';
import { connectDevice, dataTopic, oven, packOf, press, startGateway, type TestGateway } from './harness.js';

const seqs = ({ memory }: TestGateway, topic = 'sensor-readings') =>
  memory.records(topic).map(({ value }) => decodePack(value).seq);

describe('a publish is acknowledged after the log has it', () => {
  it('is held for as long as the append takes', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    test.log.hold();
    let acknowledged = false;
    const published = client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 }).then(() => {
      acknowledged = true;
    });
    await waitFor('the append', 2000, () => test.log.held === 1);
    const heldAt = performance.now();
    await waitFor('300 ms', 2000, () => performance.now() - heldAt >= 300);
    expect(acknowledged).toBe(false);
    expect(test.gateway.status()).toMatchObject({ heldMessages: 1, connections: 1, readings: { inFlight: 3 } });
    test.log.release();
    await published;
    expect(seqs(test)).toEqual([0]);
    expect(test.gateway.status()).toMatchObject({
      heldMessages: 0,
      heldBytes: 0,
      readings: { in: 3, out: 3, dropped: 0, inFlight: 0 },
    });
  });

  it('keeps the order of a device over many publishes at once, and over retries', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    let failures = 3;
    test.log.fault = () =>
      failures-- > 0 ? { error: new RetryableError('over-budget', 'the disk budget is used up') } : undefined;
    const acknowledged: number[] = [];
    const all = Array.from({ length: 200 }, (_, seq) =>
      client.publishAsync(dataTopic(press), packOf(press, seq), { qos: 1 }).then(() => acknowledged.push(seq)),
    );
    await Promise.all(all);
    const expected = Array.from({ length: 200 }, (_, seq) => seq);
    expect(seqs(test)).toEqual(expected);
    expect(acknowledged).toEqual(expected);
    expect(test.log.appends.length).toBeLessThan(100);
  });

  it('sends the payload on as it came', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    for (const [i, coding] of (['zlib', 'identity'] as const).entries()) {
      await client.publishAsync(dataTopic(press), packOf(press, 7 + i, 3, coding), { qos: 1 });
    }
    const values = test.memory.records('sensor-readings').map(({ value }) => Buffer.from(value));
    expect(values).toEqual([packOf(press, 7, 3, 'zlib'), packOf(press, 8, 3, 'identity')]);
    expect(test.memory.records('sensor-readings')[0]!.key).toBe('plant1/press-07');
  });

  it('loses nothing when the connection is cut between the append and the acknowledgement', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press, { reconnectPeriod: 50, clean: false });
    // The log takes the pack, but the relay cannot know: the device is cut meanwhile and sends again.
    let cut = false;
    test.log.fault = () => {
      if (cut) return undefined;
      cut = true;
      client.stream.destroy();
      return { error: new RetryableError('timeout', 'outcome unknown'), after: true };
    };
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('both copies', 3000, () => seqs(test).length >= 2);
    expect(new Set(seqs(test))).toEqual(new Set([0]));
    expect(test.gateway.status().heldMessages).toBe(0);
  });

  it('acknowledges QoS 2 once, with the record in the log first', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 2 });
    await client.publishAsync(dataTopic(press), packOf(press, 1), { qos: 0 });
    await waitFor('both', 2000, () => seqs(test).length === 2);
    expect(seqs(test)).toEqual([0, 1]);
  });

  it('a neighbour of a device whose log partition is stuck is served as ever', async () => {
    const test = await startGateway();
    const stuck = await connectDevice(test.port, press);
    const free = await connectDevice(test.port, oven);
    test.log.fault = (_topic, records) =>
      records[0]!.key === 'plant1/press-07' ? { error: new RetryableError('unavailable', 'no leader') } : undefined;
    void stuck.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 }).catch(() => undefined);
    for (let seq = 0; seq < 50; seq += 1) {
      await free.publishAsync(dataTopic(oven), packOf(oven, seq), { qos: 1 });
    }
    expect(seqs(test)).toHaveLength(50);
    expect(test.gateway.status()).toMatchObject({ heldMessages: 1 });
  });

  it('sets aside only the record that the log refuses, and acknowledges all', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    test.log.fault = (topic, records) =>
      topic === 'sensor-readings' && records.some(({ value }) => decodePack(value).seq === 5)
        ? { error: new RejectedError('too-large', 'a record of 2 MiB') }
        : undefined;
    const all = Array.from({ length: 10 }, (_, seq) =>
      client.publishAsync(dataTopic(press), packOf(press, seq), { qos: 1 }),
    );
    await Promise.all(all);
    expect(seqs(test)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
    const [letter] = test.memory.records('dead-letters');
    expect(letter!.headers).toMatchObject({ reason: 'too-large', stage: 'gateway', source: dataTopic(press) });
    expect(Buffer.from(letter!.value)).toEqual(packOf(press, 5));
    expect(test.gateway.status().readings).toMatchObject({ in: 30, out: 27, reasons: { 'too-large': 3 }, inFlight: 0 });
  });

  it('gives up a dead letter that the log will not take only when it stops', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    test.log.fault = (topic) =>
      topic === 'dead-letters' ? { error: new RejectedError('too-large', 'far too large') } : undefined;
    const sent = [packOf(press, 0), Buffer.alloc(300_000, 'x'), packOf(press, 1)].map((payload) =>
      client.publishAsync(dataTopic(press), payload, { qos: 1 }),
    );
    await sent[0];
    await waitFor('the trouble', 2000, () => test.gateway.status().logTrouble !== undefined);
    const taken: number[] = [];
    test.log.fault = (topic, records) => {
      if (topic === 'dead-letters') taken.push(records[0]!.value.byteLength);
      return undefined;
    };
    await Promise.all(sent);
    expect(taken).toEqual([256 * 1024]);
    const [letter] = test.memory.records('dead-letters');
    expect(letter!.headers!['reason']).toBe('bad-coding');
    expect(letter!.headers!['detail']).toMatch(
      /^first byte 0x78|not a zlib.*; far too large; the first 262144 of 300000/,
    );
    test.log.fault = (topic) =>
      topic === 'dead-letters' ? { error: new RejectedError('too-large', 'far too large') } : undefined;
    void client.publishAsync(dataTopic(press), Buffer.from('bad'), { qos: 1 }).catch(() => undefined);
    await waitFor('the trouble again', 2000, () => test.gateway.status().logTrouble !== undefined);
    await test.gateway.stop(100);
    expect(test.gateway.status()).toMatchObject({ heldMessages: 0, readings: { inFlight: 0 } });
  });

  it('returns what is held when it stops, unacknowledged', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    test.log.hold();
    const published = client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('the append', 2000, () => test.log.held === 1);
    const outcome = published.then(
      () => 'acknowledged',
      () => 'refused',
    );
    await test.gateway.stop(200);
    client.end(true);
    expect(await outcome).toBe('refused');
    expect(test.gateway.status()).toMatchObject({ heldMessages: 0, heldBytes: 0 });
    expect(test.gateway.status().readings).toMatchObject({ in: 3, out: 0, reasons: { returned: 3 }, inFlight: 0 });
  });

  it('acknowledges what is held when the log comes back before the deadline of its stop', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    test.log.hold();
    const published = client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('the append', 2000, () => test.log.held === 1);
    const stopped = test.gateway.stop(5000);
    test.log.release();
    await Promise.all([published, stopped]);
    expect(seqs(test)).toEqual([0]);
  });

  it('a result that nobody asked for is acknowledged and counted', async () => {
    const test = await startGateway();
    const client = await connectDevice(test.port, press);
    await client.publishAsync(mqttTopic(press, 'result', 'cmd-1'), '{"ok":true}', { qos: 1 });
    expect(test.gateway.status().messages).toEqual({ 'result-unasked': 1 });
  });
});
