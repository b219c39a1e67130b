import type { AedesOptions, Client, ConnectPacket } from 'aedes';
import { mayPublish } from '#core/contract/mqtt-topics.js';
import type { DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { ownTopics } from '../identity/acl.js';
import { deviceOfUserName, isDeviceToken, type AuthMode } from './device-tokens.js';
import type { ConnectionStream } from './connection-stream.js';
import type { FailureLimiter } from './failure-limiter.js';
import type { HoldBudget } from './hold-budget.js';
import type { Refusals, RefusalReason } from './refusals.js';

export interface ConnectGateOptions {
  readonly auth: { readonly mode: AuthMode; readonly secret: Uint8Array };
  readonly budget: HoldBudget;
  readonly refusals: Refusals;
  readonly failures: FailureLimiter;
  readonly clock: Clock;
  readonly maxDeviceConnections: number;
  /** Why a device may not speak although it showed who it is; undefined if it may. */
  readonly refuses?: (device: DeviceId) => RefusalReason | undefined;
}

/** Return codes of a CONNACK. [MQTT-3.2.2.3] */
const connack = { protocolVersion: 1, clientId: 2, badUserName: 4, unauthorised: 5 } as const;

// U+0000 is forbidden and U+FFFD is what bad UTF-8 became. [MQTT-1.5.3-1], [MQTT-1.5.3-2]

const unfit = /[\u0000-\u001f\u007f\ufffd]/;
const maxClientIdLength = 256;
/** Different topic filters of one connection, over its whole life. */
const maxFilters = 100;

/** The hooks of aedes that decide who may connect and what a device may read. */
export class ConnectGate {
  constructor(private readonly options: ConnectGateOptions) {}

  readonly preConnect: NonNullable<AedesOptions['preConnect']> = (client, packet, callback) => {
    const [code, reason, detail] = this.judge(packet) ?? [];
    if (code !== undefined) {
      client.conn.write(Buffer.of(0x20, 2, 0, code));
      return callback(this.refuse(client, reason!, detail!, packet.username), false);
    }
    // Ids of two devices must not meet: one would take over, and so cut, the connection of the other.
    if (packet.clientId !== '') packet.clientId = `${packet.username}|${packet.clientId}`;
    // The gateway keeps nothing for a device that is away: every connection starts afresh, "session present" is 0.
    packet.clean = true;
    callback(null, true);
  };

  readonly authenticate: NonNullable<AedesOptions['authenticate']> = (client, userName, password, done) => {
    const { auth, clock, failures } = this.options;
    const stream = client.conn as ConnectionStream;
    const device = deviceOfUserName(userName);
    if (device && (auth.mode === 'none' || isDeviceToken(auth.secret, device, password))) {
      const refused = this.options.refuses?.(device);
      if (refused) {
        const error = this.refuse(client, refused, 'the device may not speak here', userName);
        return done(Object.assign(error, { returnCode: connack.unauthorised }), null);
      }
      const principal = { kind: 'device', device } as const;
      stream.account = this.options.budget.account(principal);
      stream.rights = ownTopics.rightsOf(principal);
      this.enrol(stream);
      return done(null, true);
    }
    const [reason, code] = device
      ? (['unauthorised', connack.unauthorised] as const)
      : (['bad-user-name', connack.badUserName] as const);
    const error = this.refuse(client, reason, 'log-in failed', userName);
    const answer = () => done(Object.assign(error, { returnCode: code }), null);
    const delayMs = failures.fail(stream.address);
    if (delayMs === 0) answer();
    else void clock.sleep(delayMs).then(answer);
  };

  readonly authorizeSubscribe: NonNullable<AedesOptions['authorizeSubscribe']> = (client, subscription, callback) => {
    const { rights, filters } = client.conn as ConnectionStream;
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

  private judge(packet: ConnectPacket): readonly [number, RefusalReason, string] | undefined {
    const { clientId, clean, protocolVersion, username, will } = packet;
    if (protocolVersion === 5) return [connack.protocolVersion, 'protocol-version', 'MQTT 5 is not spoken here'];
    // [MQTT-3.1.3-8]
    if (clientId === '' && !clean) return [connack.clientId, 'client-id', 'no client id and no clean session'];
    if (clientId.length > maxClientIdLength || unfit.test(clientId)) {
      return [connack.clientId, 'client-id', 'a client id of control characters or too many'];
    }
    const device = deviceOfUserName(username);
    if (device && will && (will.retain || !mayPublish(device, will.topic))) {
      return [connack.unauthorised, 'forbidden-will', `may not leave a will on ${will.topic.slice(0, 200)}`];
    }
    return undefined;
  }

  private enrol(stream: ConnectionStream): void {
    const { connections } = stream.account!;
    connections.add(stream);
    if (connections.size <= this.options.maxDeviceConnections) return;
    // The oldest goes: the newest is the one that is surely alive.
    const [oldest] = connections;
    oldest!.refuse('device-connections', 'too many connections of one device');
  }

  private refuse(client: Client, reason: RefusalReason, detail: string, userName: string | undefined) {
    const stream = client.conn as ConnectionStream;
    stream.refusal = reason;
    return this.options.refusals.add(reason, detail, { address: stream.address, userName: userName?.slice(0, 130) });
  }
}
