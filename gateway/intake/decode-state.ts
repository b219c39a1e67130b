import { parseJson } from '#core/contract/alert.js';
import { catalogueHash } from '#core/contract/catalogue.js';
import { ContractError } from '#core/contract/contract-error.js';
import { deviceEventKey, deviceStateSchema, type Birth, type DeviceEventKind } from '#core/contract/device-events.js';
import { logTopics } from '#core/contract/log-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { LogRecord } from '#core/log/log.js';
import type { Decoded, Decoder } from './decoded.js';
import type { DeviceMessage } from './message.js';

/** What a device says of itself: birth, heartbeat, offline (its last will), clock, and what became of its config and release. */
export const decodeState: Decoder = (message, births) => {
  const { topic, payload } = message;
  const state = parseJson(payload, deviceStateSchema, 'state');
  switch (state.type) {
    case 'birth': {
      checkCatalogue(state, message);
      births.set(deviceKey(topic), state.session);
      const catalogue = Buffer.from(JSON.stringify(state.catalogue));
      const key = deviceEventKey(topic, 'catalogue', state.catalogueHash);
      return { ...event('birth', [{ key, value: catalogue }, record(message, 'birth')]), outbox: state };
    }
    case 'heartbeat':
      return { ...event('heartbeat', [record(message, 'heartbeat')]), outbox: state };
    case 'offline': {
      // The will of a connection that was lost long ago may come after the device is back.
      const newest = births.get(deviceKey(topic));
      if (newest !== undefined && newest !== state.session) return event('offline-ignored', []);
      return event('offline', [record(message, 'offline')]);
    }
    case 'clock':
      return event('clock', [record(message, 'clock', state.bootId)]);
    case 'clock-query':
      // The time of the answer is what counts, so it is given elsewhere, before the relay.
      return { ...event('clock-query', []), timeQuery: state.id };
    case 'config':
      return event('config-report', [record(message, 'config-report')]);
    case 'release':
      return event('release-report', [record(message, 'release-report')]);
  }
};

function checkCatalogue({ catalogue, catalogueHash: claimed }: Birth, { topic }: DeviceMessage): void {
  if (deviceKey(catalogue) !== deviceKey(topic)) {
    throw new ContractError('wrong-identity', `${deviceKey(topic)} sent a catalogue of ${deviceKey(catalogue)}`);
  }
  const hash = catalogueHash(catalogue);
  if (hash !== claimed) throw new ContractError('catalogue-hash', `the catalogue is ${hash}, not ${claimed}`);
}

function event(kind: Decoded['kind'], records: readonly LogRecord[]): Decoded {
  return { kind, topic: logTopics.deviceEvents.name, records, readings: 0 };
}

function record({ topic, payload }: DeviceMessage, kind: DeviceEventKind, id?: string): LogRecord {
  return { key: deviceEventKey(topic, kind, id), value: payload };
}
