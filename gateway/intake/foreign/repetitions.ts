import { crc32 } from 'node:zlib';
import type { ForeignArrival } from '../message.js';

/** Packet ids of a connection whose publish is remembered: more than any client has in flight. */
const remembered = 1024;

/**
 * Knows a QoS 1 publish that its sender repeats on the same connection. There, and only there, it can be told from another
 * one with the same content: the first came before it, and its packet id is in use until it was acknowledged.
 */
export class Repetitions {
  private readonly connections = new WeakMap<object, Map<number, number>>();

  /** Whether it was taken before; notes it if not. */
  isRepeated({ packet, topic, payload }: ForeignArrival): boolean {
    if (!packet) return false;
    let sums = this.connections.get(packet.connection);
    if (!sums) this.connections.set(packet.connection, (sums = new Map()));
    const sum = crc32(payload, crc32(topic));
    if (packet.dup && sums.get(packet.id) === sum) return true;
    sums.delete(packet.id);
    sums.set(packet.id, sum);
    if (sums.size > remembered) sums.delete(sums.keys().next().value!);
    return false;
  }
}
