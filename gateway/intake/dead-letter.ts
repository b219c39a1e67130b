import { cutHeader } from '#core/contract/dead-letter.js';
import { logTopics, type DeadLetterHeaders } from '#core/contract/log-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { DeadLetterReason, Decoded } from './decoded.js';
import { isForeign, topicOf, type ForeignArrival, type IncomingMessage } from './message.js';

/**
 * Sets a message aside: its raw bytes, with the reason, go to `dead-letters`, and then it may be acknowledged.
 * Readings that cannot be counted because the message cannot be read count as one. Its key is the device, or
 * `<source>/<sender>` of a foreign message. `cut`: the payload is not whole any more.
 */
export function deadLetter(
  message: IncomingMessage,
  reason: DeadLetterReason,
  detail: string,
  readings = isForeign(message) || message.topic.kind === 'data' ? 1 : 0,
  cut?: 'cut',
): Decoded {
  const { payload, receivedUs } = message;
  const headers: DeadLetterHeaders = {
    reason,
    detail: detail.slice(0, 500),
    stage: 'gateway',
    source: topicOf(message),
    receivedUs: String(receivedUs),
    ...(cut && { [cutHeader]: cut }),
    ...(isForeign(message) && foreignHeaders(message)),
  };
  const key = isForeign(message) ? `${message.source.name}/${message.sender}` : deviceKey(message.topic);
  const records = [{ key, value: payload, headers }];
  return { kind: 'dead-letter', topic: logTopics.deadLetters.name, records, readings, reason };
}

/** What a replay needs beside the topic. */
function foreignHeaders({ source, sender, retained, replayOf }: ForeignArrival): Record<string, string> {
  return {
    intake: source.name,
    sender,
    ...(retained && { retained: 'true' }),
    ...(replayOf !== undefined && { replayOf }),
  };
}
