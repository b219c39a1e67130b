import type { Client } from 'aedes';
import { topicMatcher } from '#core/contract/topic-filter.js';

/** The private fields of an aedes 1.2 client that the gateway must touch; its version is pinned for them. */
interface ClientInternals {
  _keepaliveTimer: NodeJS.Timeout | null;
  will: object | null;
  readonly subscriptions: Readonly<Record<string, { readonly qos: 0 | 1 | 2 }>>;
}

const internals = (client: Client): ClientInternals => client as unknown as ClientInternals;

/** As if a packet had come in: the gateway, not the device, is why the line is quiet. */
export function refreshKeepalive(client: Client): void {
  internals(client)._keepaliveTimer?.refresh();
}

/** aedes asks for a will with the same hook as for a publish, when the connection is lost. */
export function isWill(client: Client, packet: object): boolean {
  return client.closed && internals(client).will === packet;
}

/** The highest QoS that a client's subscriptions give a topic; undefined if none matches. */
export function grantedQos(client: Client, topic: string): 0 | 1 | 2 | undefined {
  let granted: 0 | 1 | 2 | undefined;
  for (const [filter, { qos }] of Object.entries(internals(client).subscriptions)) {
    if ((granted === undefined || qos > granted) && topicMatcher(filter)(topic)) granted = qos;
  }
  return granted;
}
