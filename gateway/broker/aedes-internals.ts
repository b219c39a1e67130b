import type { Client } from 'aedes';

/** The private fields of an aedes 1.2 client that the gateway must touch; its version is pinned for them. */
interface ClientInternals {
  /** Packets of this connection in work: while there are any, aedes reads on only by chance. */
  _parsingBatch: number;
  _keepaliveTimer: NodeJS.Timeout | null;
  will: object | null;
}

const internals = (client: Client): ClientInternals => client as unknown as ClientInternals;

/**
 * A publish of this client is held from now on. aedes counts it as work and, with several held, would stop reading the
 * connection: PINGREQ would go unanswered and the device, in good health, would hang up. So it is not counted; that the
 * gateway holds no more than it can is the matter of the connection's stream.
 */
export function beginHold(client: Client): void {
  internals(client)._parsingBatch -= 1;
}

/** The publish is going on: aedes will count it as done. */
export function endHold(client: Client): void {
  internals(client)._parsingBatch += 1;
}

/** As if a packet had come in: the gateway, not the device, is why the line is quiet. */
export function refreshKeepalive(client: Client): void {
  internals(client)._keepaliveTimer?.refresh();
}

/** aedes asks for a will with the same hook as for a publish, when the connection is lost. */
export function isWill(client: Client, packet: object): boolean {
  return client.closed && internals(client).will === packet;
}
