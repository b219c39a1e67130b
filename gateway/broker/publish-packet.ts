/** Where the parts of one PUBLISH are in its bytes. [MQTT-3.3] */
export interface PublishPacket {
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  /** 0 for QoS 0. */
  messageId: number;
  topicStart: number;
  topicEnd: number;
  payloadStart: number;
}

/** An object for {@link readPublish} to write into: one serves for all packets. */
export function emptyPublish(): PublishPacket {
  return { qos: 0, retain: false, dup: false, messageId: 0, topicStart: 0, topicEnd: 0, payloadStart: 0 };
}

/** Reads a whole packet; false if it is no PUBLISH. */
export function readPublish(into: PublishPacket, bytes: Buffer): boolean {
  const end = bytes.length;
  let at = 1;
  while (bytes[at]! >= 0x80) at += 1;
  at += 1;
  const qos = (bytes[0]! >> 1) & 3;
  // [MQTT-3.3.1-4]
  if (qos === 3 || at + 2 > end) return false;
  into.topicStart = at + 2;
  into.topicEnd = into.topicStart + bytes[at]! * 256 + bytes[at + 1]!;
  into.payloadStart = into.topicEnd + (qos === 0 ? 0 : 2);
  // [MQTT-4.7.3-1]
  if (into.payloadStart > end || into.topicEnd === into.topicStart) return false;
  into.messageId = qos === 0 ? 0 : bytes[into.topicEnd]! * 256 + bytes[into.topicEnd + 1]!;
  into.qos = qos as 0 | 1 | 2;
  into.retain = (bytes[0]! & 1) !== 0;
  into.dup = (bytes[0]! & 8) !== 0;
  // [MQTT-2.3.1-1]
  return qos === 0 || into.messageId !== 0;
}
