import { logTopics } from '#core/contract/log-topics.js';
import type { Decoder } from './decoded.js';

/** What a device says of a command. Nobody waits for it yet: it is acknowledged and counted. */
export const decodeResult: Decoder = () => ({
  kind: 'result',
  topic: logTopics.deviceEvents.name,
  records: [],
  readings: 0,
});
