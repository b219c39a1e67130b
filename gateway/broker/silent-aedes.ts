import { Aedes, type Client, type PublishPacket } from 'aedes';

type Done = (error?: Error) => void;

/**
 * aedes that delivers nothing of what devices publish: their messages went to the log in the authorisation hook, and no
 * device reads what another writes. What is left are the gateway's own publishes to devices.
 */
export class SilentAedes extends Aedes {
  override publish(packet: PublishPacket, fromOrDone: Client | Done | null, done?: Done): void {
    if (fromOrDone !== null && typeof fromOrDone === 'object') done?.();
    else super.publish(packet, (typeof fromOrDone === 'function' ? fromOrDone : done) ?? (() => undefined));
  }
}
