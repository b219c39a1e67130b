import type { AedesOptions, Client, ConnectPacket } from 'aedes';
import type { DeviceId } from '#core/contract/names.js';
import { enrolmentTokenId } from '#core/contract/enrolment.js';
import type { Clock } from '#core/runtime/clock.js';
import type { LoginAudit } from '../audit/login-audit.js';
import { enrolling, enrolmentRights } from '../enrolment/rights.js';
import type { Denial } from '../identity/authenticator.js';
import type { Identity } from '../identity/identity.js';
import type { Proof } from '../identity/proof.js';
import type { ConnectionStream } from './connection-stream.js';
import type { FailureLimiter } from './failure-limiter.js';
import type { HoldBudget } from './hold-budget.js';
import { principalKey, principalOf, type Principal } from './principal.js';
import type { Refusals, RefusalReason } from './refusals.js';

export interface ConnectGateOptions {
  readonly identity: Identity;
  readonly budget: HoldBudget;
  readonly refusals: Refusals;
  readonly failures: FailureLimiter;
  readonly audit: LoginAudit;
  readonly clock: Clock;
  readonly maxDeviceConnections: number;
  /** Why a device may not speak although it showed who it is; undefined if it may. */
  readonly refuses?: (device: DeviceId) => RefusalReason | undefined;
}

/** Return codes of a CONNACK. [MQTT-3.2.2.3] */
const connack = { protocolVersion: 1, clientId: 2, unavailable: 3, badUserName: 4, unauthorised: 5 } as const;

// U+0000 is forbidden and U+FFFD is what bad UTF-8 became. [MQTT-1.5.3-1], [MQTT-1.5.3-2]

const unfit = /[\u0000-\u001f\u007f\ufffd]/;
const maxClientIdLength = 256;
/** Different topic filters of one connection, over its whole life. */
const maxFilters = 100;

type Fault = readonly [code: number, reason: RefusalReason, detail: string];

const denials: Record<Denial | 'uncertified', Fault> = {
  unknown: [connack.badUserName, 'bad-user-name', 'log-in failed: nobody has this user name'],
  wrong: [connack.unauthorised, 'unauthorised', 'log-in failed'],
  revoked: [connack.unauthorised, 'revoked', 'log-in failed: what was shown is revoked, or another took its place'],
  uncertified: [connack.unauthorised, 'certificate', 'no certificate was shown, and no enrolment token'],
  busy: [connack.unavailable, 'log-ins-waiting', 'too many log-ins wait to be checked'],
};

/** The hooks of aedes that decide who may connect and what they may read. */
export class ConnectGate {
  private anonymous = 0;

  constructor(private readonly options: ConnectGateOptions) {}

  readonly preConnect: NonNullable<AedesOptions['preConnect']> = (client, packet, callback) => {
    const stream = streamOf(client);
    stream.claim = this.claimOf(stream, packet.username);
    const [code, reason, detail] = this.judge(packet, stream.claim) ?? [];
    if (code !== undefined) {
      client.conn.write(Buffer.of(0x20, 2, 0, code));
      return callback(this.refuse(stream, reason!, detail!, packet.username), false);
    }
    // Ids of two devices must not meet: one would take over, and so cut, the connection of the other.
    const isEnrolling = enrolmentTokenId(packet.password?.toString() ?? '') !== undefined;
    const userName = packet.username ?? (stream.certificate && principalKey(stream.certificate.principal));
    const prefix = isEnrolling ? `enrol ${userName}` : userName;
    if (packet.clientId !== '' && prefix !== undefined) packet.clientId = `${prefix}|${packet.clientId}`;
    stream.hasWill = packet.will !== undefined;
    // The gateway keeps nothing for a device that is away: every connection starts afresh, "session present" is 0.
    stream.keepsSession = !packet.clean;
    if (stream.claim?.kind !== 'client') packet.clean = true;
    callback(null, true);
  };

  readonly authenticate: NonNullable<AedesOptions['authenticate']> = (client, userName, password, done) => {
    const stream = streamOf(client);
    const { claim: principal, certificate } = stream;
    const answer = (found: Proof | Denial | 'uncertified'): void => {
      if (typeof found === 'string') return this.deny(stream, userName, found, done);
      // Nobody waits for the answer any more.
      if (stream.destroyed) return;
      const refused = principal!.kind === 'device' ? this.options.refuses?.(principal!.device) : undefined;
      if (refused) {
        const error = this.refuse(stream, refused, 'the device may not speak here', userName);
        return done(Object.assign(error, { returnCode: connack.unauthorised }), null);
      }
      if (found.by === 'enrolment' && stream.hasWill) {
        const error = this.refuse(stream, 'forbidden-will', 'who enrols may not leave a will', userName);
        return done(Object.assign(error, { returnCode: connack.unauthorised }), null);
      }
      this.admit(stream, principal!, found);
      done(null, true);
    };
    const isToken = enrolmentTokenId(password?.toString() ?? '') !== undefined;
    if (stream.mayOnlyEnrol && !isToken) return answer('uncertified');
    if (!principal) return answer('unknown');
    const named = certificate && principalKey(certificate.principal) === principalKey(principal);
    if (certificate && !named) return answer('wrong');
    const found = this.options.identity.authenticator.judge({ principal, certificate: certificate?.proof, password });
    if (found instanceof Promise) void found.then(answer);
    else answer(found);
  };

  readonly authorizeSubscribe: NonNullable<AedesOptions['authorizeSubscribe']> = (client, subscription, callback) => {
    const { rights, filters } = streamOf(client);
    const { topic } = subscription;
    // [MQTT-3.9.3-2]: a null answers 0x80 for this one, an error would close the connection.
    const refuse = (reason: RefusalReason) => {
      this.options.refusals.add(reason, `may not read ${topic.slice(0, 200)}`, { client: client.id });
      callback(null, null);
    };
    if (!rights?.maySubscribe(topic)) return refuse('forbidden-subscription');
    if (filters.size >= maxFilters && !filters.has(topic)) return refuse('too-many-subscriptions');
    filters.add(topic);
    callback(null, subscription);
  };

  /** Who the connection says it is; nothing is proven. Without a user name, whom its certificate names. */
  private claimOf(stream: ConnectionStream, userName: string | undefined): Principal | undefined {
    if (userName !== undefined) return principalOf(userName);
    if (stream.certificate) return stream.certificate.principal;
    // A name for each, so that the limits of one are not those of all.
    return this.options.identity.anonymous ? { kind: 'client', name: `anonymous-${(this.anonymous += 1)}` } : undefined;
  }

  private judge(packet: ConnectPacket, claim: Principal | undefined): Fault | undefined {
    const { clientId, clean, protocolVersion, will } = packet;
    if (protocolVersion === 5) return [connack.protocolVersion, 'protocol-version', 'MQTT 5 is not spoken here'];
    // [MQTT-3.1.3-8]
    if (clientId === '' && !clean) return [connack.clientId, 'client-id', 'no client id and no clean session'];
    if (clientId.length > maxClientIdLength || unfit.test(clientId)) {
      return [connack.clientId, 'client-id', 'a client id of control characters or too many'];
    }
    const { acl } = this.options.identity;
    // A foreign sender that wants its will kept for others is heard all the same; it is not kept.
    if (
      claim &&
      will &&
      ((will.retain && will.topic.startsWith('fieldline/')) || !acl.rightsOf(claim).mayPublish(will.topic))
    ) {
      return [connack.unauthorised, 'forbidden-will', `may not leave a will on ${will.topic.slice(0, 200)}`];
    }
    return undefined;
  }

  private admit(stream: ConnectionStream, principal: Principal, proof: Proof): void {
    const isEnrolling = proof.by === 'enrolment' && principal.kind === 'device';
    stream.account = this.options.budget.account(isEnrolling ? enrolling(principal) : principal);
    stream.rights = isEnrolling ? enrolmentRights(principal.device) : this.options.identity.acl.rightsOf(principal);
    stream.proof = proof;
    const { connections } = stream.account;
    connections.add(stream);
    if (connections.size <= this.options.maxDeviceConnections) return;
    // The oldest goes: the newest is the one that is surely alive.
    const [oldest] = connections;
    oldest!.refuse('device-connections', 'too many connections of one device');
  }

  private deny(
    stream: ConnectionStream,
    userName: string | undefined,
    denial: Denial | 'uncertified',
    done: Parameters<NonNullable<AedesOptions['authenticate']>>[3],
  ): void {
    const { clock, failures, audit } = this.options;
    const [returnCode, reason, detail] = denials[denial];
    const error = Object.assign(this.refuse(stream, reason, detail, userName), { returnCode });
    const answer = () => done(error, null);
    // Those who come too many at once have done nothing wrong.
    if (denial === 'busy') return answer();
    audit.refused(userName ?? (stream.claim && principalKey(stream.claim)), stream.address, reason);
    const delayMs = failures.fail(stream.address);
    if (delayMs === 0) answer();
    else void clock.sleep(delayMs).then(answer);
  }

  private refuse(stream: ConnectionStream, reason: RefusalReason, detail: string, userName: string | undefined) {
    stream.refusal = reason;
    return this.options.refusals.add(reason, detail, { address: stream.address, userName: userName?.slice(0, 130) });
  }
}

function streamOf(client: Client): ConnectionStream {
  return client.conn as ConnectionStream;
}
