import type { AedesOptions } from 'aedes';
import { grantedQos } from '../broker/aedes-internals.js';
import type { ConnectionStream } from '../broker/connection-stream.js';

/** Decides for each message and each of its readers; the packet is this reader's own. */
export const authorizeForward: NonNullable<AedesOptions['authorizeForward']> = (client, packet) => {
  const { rights } = client.conn as ConnectionStream;
  if (!rights?.mayReceive(packet.topic)) return null;
  // [MQTT-3.8.4-6]: aedes looks at subscriptions without wildcards only.
  const granted = grantedQos(client, packet.topic);
  if (granted !== undefined && granted < packet.qos) packet.qos = granted;
  return packet;
};
