import { logTopics, type DeadLetterHeaders } from '#core/contract/log-topics.js';
import { mqttTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { DeadLetterReason, Decoded } from './decoded.js';
import type { DeviceMessage } from './message.js';

/**
 * Sets a message aside: its raw bytes, with the reason, go to `dead-letters`, and then it may be acknowledged.
 * Readings that cannot be counted because the message cannot be read count as one.
 */
export function deadLetter(
  message: DeviceMessage,
  reason: DeadLetterReason,
  detail: string,
  readings = message.topic.kind === 'data' ? 1 : 0,
): Decoded {
  const { topic, payload, receivedUs } = message;
  const headers: DeadLetterHeaders = {
    reason,
    detail: detail.slice(0, 500),
    stage: 'gateway',
    source: mqttTopic(topic, topic.kind, topic.id),
    receivedUs: String(receivedUs),
  };
  const records = [{ key: deviceKey(topic), value: payload, headers }];
  return { kind: 'dead-letter', topic: logTopics.deadLetters.name, records, readings, reason };
}
