import { decodeAlertPack } from '#core/contract/alert.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { Decoder } from './decoded.js';

/** Alerts of the device, numbered in the same sequence as its packs. They are no readings. */
export const decodeAlert: Decoder = ({ topic, payload }) => {
  const { epoch, seq } = decodeAlertPack(payload, topic);
  return {
    kind: 'alert',
    topic: logTopics.alerts.name,
    records: [{ key: deviceKey(topic), value: payload }],
    readings: 0,
    number: { epoch, seq },
  };
};
