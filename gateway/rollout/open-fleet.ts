import type { Registry } from 'prom-client';
import { mqttTopic } from '#core/contract/mqtt-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import { isUnderway } from '#core/contract/rollout-book.js';
import type { EventLog, StoredRecord } from '#core/log/log.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import type { HttpDoor } from '#core/runtime/http-door.js';
import { joinDoors } from '#core/runtime/http-doors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { observe } from '#core/runtime/metrics.js';
import type { AuditSink } from '../audit/audit.js';
import { ContactDoor, type ContactDoorOptions } from '../contact/contact-door.js';
import { Contacts } from '../contact/contacts.js';
import { DesiredReleases } from '../desired/desired-releases.js';
import type { DeviceEventRecord } from '../desired/device-events.js';
import { ReleaseDoor } from '../desired/release-door.js';
import { openReleases } from '../releases/open-releases.js';
import type { ReleasesConfig, RolloutConfig } from '../releases/releases-config.js';
import type { CompletenessOf } from './completeness.js';
import { FleetBook } from './fleet-book.js';
import { FleetDoor } from './fleet-door.js';
import { RolloutDoor } from './rollout-door.js';
import { Rollouts } from './rollouts.js';

export interface FleetOptions {
  readonly releases: ReleasesConfig;
  readonly rollout: RolloutConfig;
  readonly data?: Pick<DataDirectory, 'file'> | undefined;
  readonly completenessOf?: CompletenessOf | undefined;
  readonly log: EventLog;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly random: () => number;
  /** The secret of the operator's token. */
  readonly secret: Uint8Array;
  /** Says something to devices, retained. */
  readonly publishRetained: (topic: string, payload: Uint8Array) => Promise<void>;
  readonly isRetired: (device: DeviceId) => boolean;
  readonly stateOf: ContactDoorOptions['stateOf'];
  readonly isConnected: (device: DeviceId) => boolean;
  readonly listening: ContactDoorOptions['listening'];
}

/** What devices run, and what was heard of them: the releases that are kept, what each device is to run, and rollouts. */
export interface FleetRelease {
  /** Takes a record of `device-events` of a device. */
  learn(event: DeviceEventRecord): void;
  /** Takes any record of `device-events`. */
  learnAny(record: StoredRecord): void;
  readonly door: HttpDoor;
  readonly contacts: Contacts;
  /** To be started after the broker. */
  readonly parts: readonly Part[];
  /** The port of the parts alone; known after the start, undefined without one. */
  releasesPort(): number | undefined;
}

export function openFleet(options: FleetOptions): FleetRelease {
  const { publishRetained, logger, registry } = options;
  const publish = (device: DeviceId, payload: Uint8Array) => publishRetained(mqttTopic(device, 'release'), payload);
  const releases = openReleases({ ...options, config: options.releases });
  const desired = new DesiredReleases({ ...options, publish });
  const fleet = new FleetBook(logger);
  const rollouts = new Rollouts({ ...options, ...options.rollout, desired, fleet });
  const contacts = new Contacts(options);
  const seams = { ...options, desired, fleet };
  const { url } = options.releases;
  const doors: HttpDoor[] = [
    new ReleaseDoor(seams),
    new FleetDoor({ ...seams, ...options.rollout }),
    new ContactDoor({ ...options, contacts, knownOf: (device) => fleet.get(device) }),
    new RolloutDoor({ ...seams, rollouts, folder: releases?.folder, url }),
  ];
  observe(registry, 'fieldline_gateway_rollouts_underway', 'Rollouts that are running or paused', () => {
    return rollouts.book.all().filter(isUnderway).length;
  });
  return {
    learn: (event) => {
      desired.learn(event);
      fleet.learn(event);
      rollouts.noticed();
    },
    contacts,
    learnAny: (record) => rollouts.learn(record),
    door: joinDoors(...doors, ...(releases ? [releases.door] : [])),
    parts: [...(releases?.parts ?? []), desired, rollouts],
    releasesPort: () => releases?.port(),
  };
}
