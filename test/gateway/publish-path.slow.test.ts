import { describe, expect, it } from 'vitest';
import { decodePack } from '../../core/contract/pack.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { waitFor } from '../servers/wait-for.js';
import { dataTopic, packOf, press, RawSocket, secret, startGateway, type TestGateway } from './harness.js';
import { connectPacket, publishPacket } from './mqtt-bytes.js';

const token = deviceToken(secret, press);
const connack = [0x20, 2, 0, 0];
const seqs = ({ memory }: TestGateway) => memory.records('sensor-readings').map(({ value }) => decodePack(value).seq);
const pubrel = (id: number) => Buffer.of(0x62, 2, id >> 8, id & 255);
const dup = (packet: Buffer) => {
  const again = Buffer.from(packet);
  again[0]! |= 8;
  return again;
};
const acks = (type: number, ids: readonly number[]) => ids.flatMap((id) => [type, 2, id >> 8, id & 255]);
const received = (raw: RawSocket, bytes: readonly number[]) =>
  waitFor('the answers', 10_000, () => raw.received.length >= connack.length + bytes.length).then(() =>
    expect([...raw.received.subarray(connack.length)]).toEqual(bytes),
  );

async function connect(test: TestGateway, clean: boolean, clientId = 'qos-2'): Promise<RawSocket> {
  const raw = await RawSocket.open(test.port);
  raw.write(connectPacket({ device: press, password: token, clientId, clean }));
  await waitFor('CONNACK', 10_000, () => raw.received.length === connack.length);
  return raw;
}

describe('publishes of QoS 2', () => {
  it('are stored once however often they come, also over a new connection of the same session', async () => {
    const test = await startGateway();
    const first = await connect(test, false);
    const publish = publishPacket(dataTopic(press), packOf(press, 0), 2, 300);
    first.write(publish);
    await received(first, acks(0x50, [300]));
    first.write(dup(publish));
    await received(first, acks(0x50, [300, 300]));
    first.socket.destroy();
    const second = await connect(test, false);
    second.write(dup(publish));
    await received(second, acks(0x50, [300]));
    second.write(pubrel(300));
    await received(second, [...acks(0x50, [300]), ...acks(0x70, [300])]);
    expect(seqs(test)).toEqual([0]);
    // The id is free again.
    second.write(publishPacket(dataTopic(press), packOf(press, 1), 2, 300));
    await waitFor('the next', 10_000, () => seqs(test).length === 2);
    expect(seqs(test)).toEqual([0, 1]);
  });

  it('are answered on the connection that is there when the log has them', async () => {
    const test = await startGateway();
    const first = await connect(test, false);
    test.log.hold();
    const publish = publishPacket(dataTopic(press), packOf(press, 0), 2, 9);
    first.write(publish);
    await waitFor('the append', 10_000, () => test.log.held === 1);
    first.socket.destroy();
    const second = await connect(test, false);
    second.write(dup(publish));
    test.log.release();
    await waitFor('PUBREC', 10_000, () => second.received.length > connack.length);
    // Once more if the log was quicker than the repetition.
    expect(second.received.subarray(4, 8)).toEqual(Buffer.from(acks(0x50, [9])));
    expect(seqs(test)).toEqual([0]);
    await waitFor('nothing held', 10_000, () => test.gateway.status().heldMessages === 0);
    expect(test.gateway.status().heldBytes).toBe(0);
  });

  it('of a clean session are forgotten with it: stored again, for they may be others', async () => {
    const test = await startGateway();
    const first = await connect(test, true);
    first.write(publishPacket(dataTopic(press), packOf(press, 0), 2, 1));
    await received(first, acks(0x50, [1]));
    first.socket.destroy();
    const second = await connect(test, true);
    second.write(pubrel(77));
    await received(second, acks(0x70, [77]));
    second.write(publishPacket(dataTopic(press), packOf(press, 1), 2, 1));
    await received(second, [...acks(0x70, [77]), ...acks(0x50, [1])]);
    expect(seqs(test)).toEqual([0, 1]);
  });
});

describe('answers to publishes', () => {
  it('come in the order of their arrival, whatever their kind', async () => {
    const test = await startGateway();
    const raw = await connect(test, true);
    const ids = Array.from({ length: 200 }, (_, i) => i + 1);
    raw.write(
      Buffer.concat(ids.map((id) => publishPacket(dataTopic(press), packOf(press, id), id % 2 === 0 ? 1 : 2, id))),
    );
    await received(
      raw,
      ids.flatMap((id) => acks(id % 2 === 0 ? 0x40 : 0x50, [id])),
    );
    expect(seqs(test)).toEqual(ids);
  });
});

it('a connection that only publishes is alive', async () => {
  const test = await startGateway();
  const raw = await RawSocket.open(test.port);
  raw.write(connectPacket({ device: press, password: token, keepaliveS: 1 }));
  const startedMs = performance.now();
  let seq = 0;
  await waitFor('three keepalives', 20_000, () => {
    raw.write(publishPacket(dataTopic(press), packOf(press, (seq += 1)), 0));
    return performance.now() - startedMs > 3000 || raw.ended;
  });
  expect(raw.ended).toBe(false);
  expect(test.gateway.status().refused).toEqual({});
});
