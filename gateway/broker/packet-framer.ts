/** The control packet types that the gateway looks at. [MQTT-2.2.1] */
export const packetType = { connect: 1, publish: 3, pubrel: 6 } as const;

/** Why the bytes of a connection cannot be MQTT that we take. */
export type FramingFault = 'protocol-error' | 'packet-too-large';

/** What stands behind the framer. */
export interface PacketGate {
  /** Asked at each header, before a byte of the packet is kept. After `wait`, `resume` asks again. */
  admit(type: number, length: number): 'take' | 'wait' | FramingFault;
  /** One whole packet; the bytes are the receiver's. */
  take(packet: Buffer, type: number): void;
}

export interface FramerLimits {
  /** The most bytes behind the fixed header of a PUBLISH. A longer one is cut here, see {@link PacketFramer}. */
  readonly maxPublishBytes: number;
  /** The same for all other packets; a longer one is a fault. */
  readonly maxControlBytes: number;
}

interface Partial {
  readonly buffer: Buffer;
  filled: number;
  /** Bytes behind the cut, still to come, that nobody wants. */
  discard: number;
}

const continuation = 0x80;

/**
 * Cuts a byte stream into MQTT control packets, keeping no more than one packet and a chunk.
 *
 * aedes would collect a packet of up to 256 MiB before it looks at it. Here a PUBLISH that is too long is shortened to
 * `maxPublishBytes` as it comes in: its payload is still longer than a valid one can be, so the decoder refuses it, and
 * the device gets its answer like for any other bad payload instead of sending the same for ever.
 */
export class PacketFramer {
  private rest: Buffer | undefined;
  private waiting = false;
  private partial: Partial | undefined;

  constructor(
    private readonly limits: FramerLimits,
    private readonly gate: PacketGate,
  ) {}

  /** Whether the gate said `wait` and was not asked since. */
  get isWaiting(): boolean {
    return this.waiting;
  }

  /** Whether a packet has begun and is not yet whole. */
  get inPacket(): boolean {
    return this.partial !== undefined;
  }

  /** Takes the next bytes; a fault ends the stream. Bytes behind a packet that has to wait are kept. */
  write(chunk: Buffer): FramingFault | undefined {
    const input = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = undefined;
    return this.read(input);
  }

  /** Asks again for the packet that had to wait. */
  resume(): FramingFault | undefined {
    const input = this.rest;
    this.rest = undefined;
    return input === undefined ? undefined : this.read(input);
  }

  private read(input: Buffer): FramingFault | undefined {
    this.waiting = false;
    for (let at = 0; at < input.length;) {
      if (this.partial) {
        at = this.fill(this.partial, input, at);
        continue;
      }
      const header = readHeader(input, at);
      if (header === 'protocol-error') return header;
      if (header !== undefined && this.isTooLarge(header)) return 'packet-too-large';
      const verdict = header && this.gate.admit(header.type, header.length);
      if (header === undefined || verdict === 'wait') {
        this.rest = input.subarray(at);
        this.waiting = header !== undefined;
        return undefined;
      }
      if (verdict !== 'take') return verdict;
      at = this.begin(header, input, at);
    }
    return undefined;
  }

  private isTooLarge({ type, length }: Header): boolean {
    return type !== packetType.publish && length > this.limits.maxControlBytes;
  }

  private begin({ type, length, size }: Header, input: Buffer, at: number): number {
    const end = at + size + length;
    if (length <= this.limits.maxPublishBytes) {
      if (end <= input.length) {
        this.gate.take(input.subarray(at, end), type);
        return end;
      }
      // Copied into one buffer of the final size: a chunk of its own for each byte of a slow sender would cost more.
      this.partial = { buffer: Buffer.allocUnsafeSlow(size + length), filled: 0, discard: 0 };
      return at;
    }
    const kept = this.limits.maxPublishBytes;
    const head = encodeHeader(input[at]!, kept);
    const buffer = Buffer.allocUnsafeSlow(head.length + kept);
    head.copy(buffer);
    this.partial = { buffer, filled: head.length, discard: length - kept };
    return at + size;
  }

  private fill(partial: Partial, input: Buffer, at: number): number {
    const copied = input.copy(partial.buffer, partial.filled, at);
    partial.filled += copied;
    const skipped = Math.min(partial.discard, input.length - at - copied);
    partial.discard -= skipped;
    if (partial.filled === partial.buffer.length && partial.discard === 0) {
      this.partial = undefined;
      this.gate.take(partial.buffer, partial.buffer[0]! >> 4);
    }
    return at + copied + skipped;
  }
}

interface Header {
  readonly type: number;
  /** Bytes behind the fixed header. */
  readonly length: number;
  /** Bytes of the fixed header itself. */
  readonly size: number;
}

/** undefined: more bytes are needed. */
function readHeader(input: Buffer, at: number): Header | 'protocol-error' | undefined {
  let length = 0;
  // [MQTT-2.2.3]: at most four bytes of seven bits.
  for (let i = 0; i < 4; i += 1) {
    const byte = input[at + 1 + i];
    if (byte === undefined) return undefined;
    length += (byte % continuation) * continuation ** i;
    if (byte < continuation) return { type: input[at]! >> 4, length, size: 2 + i };
  }
  return 'protocol-error';
}

function encodeHeader(first: number, length: number): Buffer {
  const bytes = [first];
  let rest = length;
  do {
    const low = rest % continuation;
    rest = Math.floor(rest / continuation);
    bytes.push(rest > 0 ? low + continuation : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}
