import type { AedesOptions } from 'aedes';
import type { Registry } from 'prom-client';
import type { Clock } from '#core/runtime/clock.js';
import { observe } from '#core/runtime/metrics.js';
import type { ConnectionStream } from '../broker/connection-stream.js';
import type { Refusals } from '../broker/refusals.js';
import { ConnectQueue, type Visitor } from './connect-queue.js';

type PreConnect = NonNullable<AedesOptions['preConnect']>;

export interface ConnectAdmissionOptions {
  readonly perSecond: number;
  readonly maxWaiting: number;
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly registry: Registry;
}

/** CONNACK with return code 3, server unavailable: the device is to come back later. [MQTT-3.2.2.3] */
const comeBackLater = Buffer.of(0x20, 2, 0, 3);

/** Keeps the connections of a storm waiting until it is their turn, before anything is done for them. */
export class ConnectAdmission {
  private readonly queue: ConnectQueue;
  /** When a connection was let in, in monotonic milliseconds; Infinity while it waits. */
  private readonly letInMs = new WeakMap<ConnectionStream, number>();

  constructor(private readonly options: ConnectAdmissionOptions) {
    this.queue = new ConnectQueue(options);
    const help = 'Connections that wait to be let in';
    observe(options.registry, 'fieldline_gateway_connects_waiting', help, () => this.queue.length);
  }

  /** Since when the gateway waits for the end of the log-in; it is not the device's fault that it waits here. */
  sinceMs(stream: ConnectionStream): number {
    return this.letInMs.get(stream) ?? stream.openedMs;
  }

  /** The hook `next`, when it is the connection's turn. */
  before(next: PreConnect): PreConnect {
    return (client, packet, callback) => {
      const stream = client.conn as ConnectionStream;
      const leave = () => this.queue.leave(visitor);
      const visitor: Visitor = {
        proceed: () => {
          this.letInMs.set(stream, this.options.clock.monotonicMs());
          stream.off('close', leave);
          next(client, packet, callback);
        },
        refuse: () => {
          stream.off('close', leave);
          stream.write(comeBackLater);
          stream.refusal = 'connect-rate';
          const who = { address: stream.address, userName: packet.username?.slice(0, 130) };
          callback(this.options.refusals.add('connect-rate', 'too many wait to be let in', who), false);
        },
      };
      this.letInMs.set(stream, Infinity);
      stream.once('close', leave);
      this.queue.enter(visitor);
    };
  }
}
