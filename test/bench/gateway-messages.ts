import { deflateSync } from 'node:zlib';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { deviceKey, type DeviceId } from '../../core/contract/names.js';

/** One reading in a pack of our smallest kind; a hundred in one, as text or deflated as our devices send it. */
export type LoadKind = 'single' | 'pack' | 'deflated-pack';

export const readingsIn: Readonly<Record<LoadKind, number>> = { single: 1, pack: 100, 'deflated-pack': 100 };

const epoch = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
const catalogue = '00112233445566778899aabbccddeeff';
/** Numbers of packs have as many digits, so that they can be written in place. */
const firstSeq = 100_000;
/** Different deflated packs of a device, which it sends again and again: nothing can be written into them. */
const deflatedPacks = 16;

/** The packets of one device. */
export interface MessageTemplate {
  connectPacket(token: string): Buffer;
  /** The message id of its n-th packet. */
  messageId(index: number): number;
  /** PUBLISH packets, QoS 1, one after the other. */
  packets(from: number, count: number): Buffer;
}

export function messageTemplate(device: DeviceId, kind: LoadKind): MessageTemplate {
  const texts = Array.from({ length: kind === 'deflated-pack' ? deflatedPacks : 1 }, (_, i) =>
    packText(device, firstSeq + i, readingsIn[kind]),
  );
  const payloads = texts.map((text) => (kind === 'deflated-pack' ? deflateSync(text) : Buffer.from(text)));
  const packets = payloads.map((payload) => publishPacket(mqttTopic(device, 'data'), payload));
  const marks =
    kind === 'deflated-pack' ? [] : [packets[0]!.indexOf('"bseq":') + 7, packets[0]!.lastIndexOf('"v":') + 4];
  const idAt = packets.map((packet, i) => packet.length - payloads[i]!.length - 2);
  return {
    connectPacket: (token) => connectPacket(device, token),
    messageId: (index) => (index % 65_535) + 1,
    packets: (from, count) => {
      const parts = Array.from({ length: count }, (_, i) => packets[(from + i) % packets.length]!);
      const bytes = Buffer.concat(parts);
      let at = 0;
      for (let index = from; index < from + count; index += 1) {
        const which = index % packets.length;
        bytes.writeUInt16BE((index % 65_535) + 1, at + idAt[which]!);
        if (marks[0] !== undefined) writeDigits(bytes, at + marks[0], firstSeq + (index % 900_000), 6);
        if (marks[1] !== undefined) writeDigits(bytes, at + marks[1], 10 + ((index * 7) % 90), 2);
        at += packets[which]!.length;
      }
      return bytes;
    },
  };
}

function writeDigits(bytes: Buffer, at: number, value: number, digits: number): void {
  for (let i = at + digits - 1; i >= at; i -= 1) {
    bytes[i] = 0x30 + (value % 10);
    value = Math.floor(value / 10);
  }
}

function packText(device: DeviceId, seq: number, readings: number): string {
  const head = {
    bn: `${deviceKey(device)}/`,
    bt: 1_795_251_208,
    bu: 'Cel',
    bepoch: epoch,
    bseq: seq,
    bcat: catalogue,
    bfmt: 1,
  };
  const records = Array.from({ length: readings }, (_, i) => ({
    ...(i === 0 && head),
    n: `t${i % 10}`,
    ...(i > 0 && { t: Math.floor(i / 10) + (i % 10) / 1000 }),
    v: Number((20 + ((i * 37 + seq) % 997) / 100 + 0.001).toFixed(3)),
  }));
  return JSON.stringify(records);
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);
};

function packet(firstByte: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = [firstByte];
  let { length } = body;
  do {
    head.push((length % 128) + (length >= 128 ? 128 : 0));
    length = Math.floor(length / 128);
  } while (length > 0);
  return Buffer.concat([Buffer.from(head), body]);
}

function publishPacket(topic: string, payload: Buffer): Buffer {
  return packet(0x32, text(topic), Buffer.of(0, 1), payload);
}

/** Clean session, no keepalive: what counts is the data. */
function connectPacket(device: DeviceId, token: string): Buffer {
  const flags = Buffer.of(4, 0xc2, 0, 0);
  return packet(0x10, text('MQTT'), flags, text(device.device), text(deviceKey(device)), text(token));
}
