//  devices ══MQTT══► broker ──► intake ──► relay ══append══► log
//             ▲        │       (decode)     │
//             │        │                    ├─ sensor-readings, alerts, device-events
//             │        │                    └─ dead-letters
//             └─PUBACK─┴──────── settle ◄───┘  (durable)
import type { Registry } from 'prom-client';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import type { EventLog } from '#core/log/log.js';
import { buildTimeUs } from '#core/runtime/build-time.js';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import type { HttpDoor } from '#core/runtime/http-door.js';
import { joinDoors } from '#core/runtime/http-doors.js';
import { startAll, stopAll, type Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import { systemMachine, WallTrust } from '#core/runtime/wall-trust.js';
import { Audit } from './audit/audit.js';
import type { DeviceBroker, DeviceBrokerStatus } from './broker/device-broker.js';
import type { GatewayConfig } from './config.js';
import { openDeadLetters } from './dead-letters/open-dead-letters.js';
import { CredentialsDoor } from './identity/credentials-door.js';
import { createIdentity } from './identity/identity.js';
import { DeviceEvents } from './desired/device-events.js';
import { createDevices } from './devices.js';
import { EnrolmentDoor } from './enrolment/enrolment-door.js';
import { Enrolments } from './enrolment/enrolments.js';
import { EpochGuard } from './epochs/epoch-guard.js';
import { Aside } from './external/aside.js';
import { openForeign } from './intake/foreign/open-foreign.js';
import { Intake } from './intake/intake.js';
import { isForeign } from './intake/message.js';
import { NewestBirths } from './intake/newest-births.js';
import { openBroker } from './open-broker.js';
import { Relay } from './relay/relay.js';
import { openSpool } from './spool/open-spool.js';
import type { SpooledLog } from './spool/spooled-log.js';
import type { CompletenessOf } from './rollout/completeness.js';
import { openFleet } from './rollout/open-fleet.js';
import { Moves } from './sessions/moves.js';
import { TimeAnswers } from './relay/time-answers.js';

export { loadSecret } from './broker/secret-file.js';
export { gatewayConfigSchema, type GatewayConfig } from './config.js';

export interface GatewayDependencies {
  /** Started, with its topics; the gateway does not own it. */
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The secret of the device tokens, see `loadSecret`. */
  readonly secret: Uint8Array;
  /** Where the spool lies, if the configuration names no place. */
  readonly data?: Pick<DataDirectory, 'file'>;
  /** Whether the store has what devices sent; without it no rollout can wait for that. */
  readonly completenessOf?: CompletenessOf | undefined;
  /** Which gateway of several this is: the host, and the process of it, from 1. */
  readonly place?: { readonly host: string; readonly process?: number | undefined };
  /** Yields [0, 1): spreads retries. */
  readonly random?: () => number;
}

export type GatewayStatus = DeviceBrokerStatus &
  ReturnType<Relay['status']> & {
    logHealthy: boolean;
    foreignDevices: number;
    /** If there is one. */
    spool?: ReturnType<SpooledLog['status']>;
  };

export interface Gateway extends Part {
  address(): { host: string; port: number };
  status(): GatewayStatus;
  /** A sentence for each reason why devices cannot be heard now. */
  notReady(): readonly string[];
  /** Sends a command, QoS 1, to a connected device. Throws RetryableError `unavailable` if it is not connected. */
  publishCommand(device: DeviceId, id: string, payload: Uint8Array): Promise<void>;
  /** Where the parts of releases alone are served; known after `start`, undefined without a port of their own. */
  releasesPort(): number | undefined;
  /** Where operators say what configs they desire, for an HTTP server of the process. */
  readonly door: HttpDoor;
}

/** The gateway: takes what devices publish, and acknowledges it once the log has it. */
export function createGateway(config: GatewayConfig, dependencies: GatewayDependencies): Gateway {
  const { log, clock, logger, registry, secret, random = Math.random } = dependencies;
  const { place = { host: 'gateway' } } = dependencies;
  const audit = new Audit({ log, clock, logger, registry });
  const spool = openSpool(config.spool, dependencies);
  const relay = new Relay({ log, ...(spool && { spool }), clock, random, logger, registry });
  const publishCommand: Gateway['publishCommand'] = (...command) => broker.publishCommand(...command);
  const answers = new TimeAnswers({ clock, logger, publishCommand, trusts: trustOf(config.time) });
  const publishConfig: typeof broker.publishConfig = (...config) => broker.publishConfig(...config);
  const seams = { log, clock, logger, random, secret, audit };
  const disconnect: typeof broker.disconnect = (...device) => broker.disconnect(...device);
  const said = { publishCommand, publishConfig, disconnect };
  const certificateEndsUs = (device: DeviceId) => book.certificateEndsUs(deviceKey(device));
  const devices = createDevices({ ...seams, ...config, auth: config.mqtt.auth, ...said, certificateEndsUs });
  const refuses = (device: DeviceId) => devices.refuses(device);
  const aside = config.external && new Aside({ refuses, submit: (...message) => relay.submit(...message) });
  const births = new NewestBirths();
  const moves = new Moves({ births, logger, connectionsOf: (device) => broker.connectionsOf(device) });
  const guard = new EpochGuard({ clock, logger, random, publishCommand, setAside: aside?.conflict });
  const publish = (topic: string, payload: Uint8Array) => broker.publishReply(topic, payload);
  const publishRetained: typeof publish = (topic, payload) => broker.publishRetained(topic, payload);
  const seen = { registry, book: devices };
  const foreign = openForeign(config, { log, clock, logger, random, ...seen, publish, publishRetained });
  const enrols = config.enrolment !== undefined;
  const identity = createIdentity({ ...config.mqtt, sources: foreign.router.sources, enrols, secret, logger });
  const { book } = identity;
  const enrolments = new Enrolments({ ...seams, registry, config: config.enrolment, book });
  const fleet = openFleet({
    ...{ ...seams, ...config, registry, publishRetained },
    ...{ data: dependencies.data, completenessOf: dependencies.completenessOf },
    stateOf: (device) => devices.stateOf(device),
    isRetired: (device) => devices.isRetired(device),
    isConnected: (device) => [...broker.connectionsOf(device)].length > 0,
    listening: () => ({ ...broker.address(), tls: config.mqtt.tls !== undefined, own: !config.external }),
  });
  const events = new DeviceEvents({
    log,
    clock,
    logger,
    onRecord: (record) => {
      book.learn(record);
      enrolments.saw(record);
      fleet.learnAny(record);
    },
    listeners: [(e) => moves.learn(e), (e) => devices.learn(e), (e) => guard.learn(e), foreign.learn, fleet.learn],
  });
  const next: typeof relay.submit = (message, decoded) => {
    if (isForeign(message)) return relay.submit(message, decoded);
    if (aside?.takes(message, decoded)) return;
    moves.take(message, decoded);
    if (decoded.kind === 'pack') fleet.contacts.took(message.topic);
    answers.take(message, decoded);
    if (guard.passes(message, decoded)) relay.submit(message, devices.screen(message, decoded));
  };
  const { maxPayloadBytes } = config.limits;
  const intake = new Intake({ clock, logger, maxPayloadBytes, foreign: foreign.take, next, births });
  const broker: DeviceBroker = openBroker(config, {
    ...{ place, identity, audit, intake, clock, logger, random, registry },
    router: foreign.router,
    onReading: (device) => devices.reads(device),
    ...{ enrolments, refuses, contacts: fleet.contacts },
  });
  const parts = [
    audit,
    events,
    foreign.heartbeats,
    ...(spool ? [spool.log] : []),
    relay,
    guard,
    enrolments,
    broker,
    foreign.notices,
    ...devices.parts,
    ...fleet.parts,
  ];
  const letters = openDeadLetters({
    ...{ ...seams, registry, router: foreign.router, takeForeign: foreign.take },
    screen: (message, decoded) => devices.screen(message, decoded),
  });
  return {
    start: () => startAll(parts),
    stop: (deadlineMs) => stopAll(parts, deadlineMs),
    address: () => broker.address(),
    notReady: () => [...broker.notReady(), ...(log.healthy() ? [] : ['The log takes nothing.'])],
    status: () => ({
      ...broker.status(),
      ...relay.status(),
      ...foreign.status(),
      ...(spool && { spool: spool.log.status() }),
      logHealthy: log.healthy(),
    }),
    publishCommand,
    releasesPort: () => fleet.releasesPort(),
    door: joinDoors(
      devices.door,
      fleet.door,
      new CredentialsDoor({ ...seams, book }),
      new EnrolmentDoor({ ...seams, ...devices, book, config: config.enrolment }),
      letters,
    ),
  };
}

function trustOf({ trust: mode, syncMarkers: markers }: GatewayConfig['time']): (wallUs: number) => boolean {
  if (mode === 'never') return () => false;
  const builtUs = buildTimeUs();
  const trust = new WallTrust({ mode, markers, machine: systemMachine, floorUs: () => builtUs });
  return (wallUs) => trust.trusts(wallUs);
}
