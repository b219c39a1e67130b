import { checkPack } from '#core/contract/check-pack.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { Decoder } from './decoded.js';

/** A SenML pack: checked here to the last record, and passed on as the bytes that came. */
export const decodeData: Decoder = ({ topic, payload }) => {
  const { epoch, seq, readings } = checkPack(payload, topic);
  return {
    kind: 'pack',
    topic: logTopics.readings.name,
    records: [{ key: deviceKey(topic), value: payload }],
    readings,
    number: { epoch, seq },
  };
};
