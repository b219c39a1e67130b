import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey } from '#core/contract/names.js';
import { decodePack } from '#core/contract/pack.js';
import type { Decoder } from './decoded.js';

/** A SenML pack: checked here to the last record, and passed on as the bytes that came. */
export const decodeData: Decoder = ({ topic, payload }) => {
  const pack = decodePack(payload, topic);
  return {
    kind: 'pack',
    topic: logTopics.readings.name,
    records: [{ key: deviceKey(topic), value: payload }],
    readings: pack.points.length,
    number: { epoch: pack.epoch, seq: pack.seq },
  };
};
