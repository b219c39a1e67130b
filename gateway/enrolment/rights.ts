import { mqttTopic } from '#core/contract/mqtt-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import { principalKey, type Principal } from '../broker/principal.js';
import type { Rights } from '../identity/acl.js';

/** What whoever shows an enrolment token may do: ask for a certificate, and hear the answer. */
export function enrolmentRights(device: DeviceId): Rights {
  const [ask, answer] = [mqttTopic(device, 'enrol'), mqttTopic(device, 'enrolled')];
  return {
    mayPublish: (topic) => topic === ask,
    maySubscribe: (filter) => filter === answer,
    mayReceive: (topic) => topic === answer,
  };
}

/**
 * Under which name its connections are counted and limited: not the device's own, or whoever has a token could crowd out
 * the sessions of the device. Nobody else can have it, for no name has a blank.
 */
export function enrolling(principal: Principal): Principal {
  return { kind: 'client', name: `enrol ${principalKey(principal)}` };
}
