import { expect, test } from 'vitest';
import { AlertFeed, deviceAlerts } from '../../../cloud/alerts/alert-feed.js';
import type { Alert, DeviceAlert } from '../../../core/contract/alert.js';
import { testEpoch } from '../../support/packs.js';

const raised: Alert = {
  ...{ sensor: 'temp', rule: 'hot', state: 'raised', severity: 'warning' },
  ...{ timeUs: 1, value: 81, threshold: 80, message: 'temp is above 80' },
};
const pack = { site: 'plant1', device: 'press-07', epoch: testEpoch, seq: 4, alerts: [raised] };

test('a pack that comes again tells nobody anything new', () => {
  const feed = new AlertFeed();
  const heard: DeviceAlert[] = [];
  const stop = feed.onAlert((alert) => heard.push(alert));
  const cleared = { ...raised, state: 'cleared' as const };
  feed.offer(deviceAlerts(pack));
  feed.offer(deviceAlerts(pack));
  feed.offer(deviceAlerts({ ...pack, seq: 5, alerts: [raised, cleared] }));
  feed.offer(deviceAlerts({ ...pack, device: 'press-08' }));
  stop();
  feed.offer(deviceAlerts({ ...pack, device: 'press-09' }));
  expect(heard.map(({ device, state }) => `${device} ${state}`)).toEqual([
    'press-07 raised',
    'press-07 cleared',
    'press-08 raised',
  ]);
});

test('what it remembers is bounded', () => {
  const feed = new AlertFeed(2);
  const at = (timeUs: number) => deviceAlerts({ ...pack, alerts: [{ ...raised, timeUs }] });
  for (const timeUs of [1, 2, 3]) expect(feed.offer(at(timeUs))).toHaveLength(1);
  expect(feed.offer(at(3))).toHaveLength(0);
  expect(feed.offer(at(1))).toHaveLength(1);
});
