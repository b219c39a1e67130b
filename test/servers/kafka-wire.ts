// As much of Kafka's protocol as tests need without a client library: cutting a stream into frames, reading a
// request's header, and asking a broker for the cluster's members. https://kafka.apache.org/protocol
import { connect } from 'node:net';
import { within } from './wait-for.js';

/** The header that every request begins with. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
}

export const produceKey = 0;
const metadataKey = 3;

/** Cuts a byte stream into frames, each a 4-byte length and that many bytes; frames are returned with their length. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are complete with this chunk, in order. */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = [];
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4) {
      const end = 4 + this.#rest.readInt32BE(0);
      if (this.#rest.length < end) break;
      frames.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
    return frames;
  }
}

/** Reads the header of a request frame. */
export function requestHeader(frame: Buffer): RequestHeader {
  const length = frame.readInt16BE(12);
  return {
    apiKey: frame.readInt16BE(4),
    apiVersion: frame.readInt16BE(6),
    correlationId: frame.readInt32BE(8),
    clientId: length < 0 ? '' : frame.toString('utf8', 14, 14 + length),
  };
}

/** The number by which a response frame names the request it answers. */
export const responseCorrelationId = (frame: Buffer): number => frame.readInt32BE(4);

/**
 * Asks the broker on this loopback port which brokers are alive, and returns their ids.
 * Throws when nothing answers within `withinMs` milliseconds.
 */
export async function aliveBrokers(port: number, withinMs = 2_000): Promise<number[]> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    const answered = new Promise<Buffer>((resolve, reject) => {
      const splitter = new FrameSplitter();
      socket.once('error', reject).once('close', () => reject(new Error('closed without an answer')));
      socket.on('data', (chunk) => splitter.push(chunk).forEach(resolve));
    });
    socket.write(metadataRequest());
    return brokerIds(await within(`metadata from port ${port}`, withinMs, answered));
  } finally {
    socket.destroy();
  }
}

/** Version 1, for no topics; it is the shortest that asks for brokers alone. */
function metadataRequest(): Buffer {
  const client = Buffer.from('probe');
  const frame = Buffer.alloc(14 + client.length + 4);
  frame.writeInt32BE(frame.length - 4, 0);
  frame.writeInt16BE(metadataKey, 4);
  frame.writeInt16BE(1, 6);
  frame.writeInt32BE(1, 8);
  frame.writeInt16BE(client.length, 12);
  client.copy(frame, 14);
  return frame;
}

function brokerIds(frame: Buffer): number[] {
  const ids: number[] = [];
  let at = 12;
  for (let left = frame.readInt32BE(8); left > 0; left -= 1) {
    ids.push(frame.readInt32BE(at));
    at += 4; // id
    at += 2 + frame.readInt16BE(at); // host
    at += 4; // port
    at += 2 + Math.max(0, frame.readInt16BE(at)); // rack, -1 for none
  }
  return ids;
}
