import type { DeviceId } from '../../core/contract/names.js';

/** MQTT packets byte by byte, for what no client library would send. */
export interface ConnectFields {
  readonly device?: DeviceId;
  readonly userName?: string | Uint8Array;
  readonly password?: string | Uint8Array;
  readonly clientId?: string | Uint8Array;
  readonly clean?: boolean;
  readonly level?: number;
  readonly protocol?: string;
  readonly keepaliveS?: number;
  readonly will?: { topic: string; payload: string; retain?: boolean };
}

const text = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);
};

export function packet(firstByte: number, body: Uint8Array): Buffer {
  const head = [firstByte];
  let length = body.length;
  do {
    head.push((length % 128) + (length >= 128 ? 128 : 0));
    length = Math.floor(length / 128);
  } while (length > 0);
  return Buffer.concat([Buffer.from(head), body]);
}

export function connectPacket(fields: ConnectFields): Buffer {
  const { device, clean = true, level = 4, protocol = 'MQTT', keepaliveS = 60, will } = fields;
  const userName = fields.userName ?? (device && `${device.site}/${device.device}`);
  const flags =
    (userName === undefined ? 0 : 0x80) |
    (fields.password === undefined ? 0 : 0x40) |
    (will ? 0x04 | (will.retain ? 0x20 : 0) : 0) |
    (clean ? 0x02 : 0);
  return packet(
    0x10,
    Buffer.concat([
      text(protocol),
      Buffer.of(level, flags, keepaliveS >> 8, keepaliveS & 255),
      ...(level === 5 ? [Buffer.of(0)] : []),
      text(fields.clientId ?? 'raw'),
      ...(will ? [text(will.topic), text(will.payload)] : []),
      ...(userName === undefined ? [] : [text(userName)]),
      ...(fields.password === undefined ? [] : [text(fields.password)]),
    ]),
  );
}

export function publishPacket(topic: string | Uint8Array, payload: Uint8Array, qos: 0 | 1 | 2, messageId = 1): Buffer {
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.of(messageId >> 8, messageId & 255);
  return packet(0x30 | (qos << 1), Buffer.concat([text(topic), id, payload]));
}

export function subscribePacket(filters: readonly string[], qos: 0 | 1 | 2, messageId = 1): Buffer {
  const wanted = filters.flatMap((filter) => [text(filter), Buffer.of(qos)]);
  return packet(0x82, Buffer.concat([Buffer.of(messageId >> 8, messageId & 255), ...wanted]));
}
