import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';

type Done = (error?: Error) => void;

export interface RoutingOptions extends AedesOptions {
  /** Whether messages of clients on this topic go to those that subscribed to it. */
  readonly isRouted: (topic: string) => boolean;
}

/**
 * aedes that routes only what is for nobody but its subscribers. What devices and sources publish went to the log, and
 * no device reads what another writes.
 */
export class RoutingAedes extends Aedes {
  private readonly isRouted: RoutingOptions['isRouted'];

  constructor({ isRouted, ...options }: RoutingOptions) {
    super(options);
    this.isRouted = isRouted;
  }

  override publish(packet: PublishPacket, fromOrDone: Client | Done | null, done?: Done): void {
    const isClient = fromOrDone !== null && typeof fromOrDone === 'object';
    if (isClient && !this.isRouted(packet.topic)) return done?.();
    const whenDone = (typeof fromOrDone === 'function' ? fromOrDone : done) ?? (() => undefined);
    publish.call(this, packet, isClient ? fromOrDone : null, whenDone);
  }
}

/** With the client, which its types leave out. */
const publish = Aedes.prototype.publish as unknown as (
  this: Aedes,
  packet: PublishPacket,
  from: Client | null,
  done: Done,
) => void;
