import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketFramer, type FramingFault } from '../../../gateway/broker/packet-framer.js';
import { packet, publishPacket } from '../mqtt-bytes.js';

const limits = { maxPublishBytes: 300, maxControlBytes: 200 };

/** Feeds chunks; the gate says `wait` where `waits` says so, and is asked again after each chunk. */
function frame(chunks: readonly Buffer[], waits: readonly boolean[] = []) {
  const packets: Buffer[] = [];
  let asked = 0;
  const framer = new PacketFramer(limits, {
    admit: () => (waits[asked++] ? 'wait' : 'take'),
    take: (bytes) => packets.push(Buffer.from(bytes)),
  });
  let fault: FramingFault | undefined;
  for (const chunk of chunks) {
    fault ??= framer.write(chunk);
    while (fault === undefined && framer.isWaiting) fault = framer.resume();
  }
  return { packets, fault, framer };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}

const anyPacket = fc.oneof(
  fc.uint8Array({ maxLength: 280 }).map((payload) => publishPacket('a/b', payload, 1)),
  fc.constant(Buffer.of(0xc0, 0)),
  fc.uint8Array({ maxLength: 200 }).map((body) => packet(0x82, body)),
);

describe('packets come out whole', () => {
  it('however the bytes were cut, and whoever had to wait', () => {
    fc.assert(
      fc.property(
        fc.array(anyPacket, { maxLength: 8 }),
        fc.array(fc.nat(3000), { maxLength: 12 }),
        fc.array(fc.boolean(), { maxLength: 6 }),
        (packets, cuts, waits) => {
          const result = frame(split(Buffer.concat(packets), cuts), waits);
          expect(result.fault).toBeUndefined();
          expect(result.packets).toEqual(packets);
          expect(result.framer.inPacket).toBe(false);
        },
      ),
    );
  });

  it('random bytes make a fault, or packets, or wait for more, and keep no more than a packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(2000), { maxLength: 9 }), (bytes, cuts) => {
        const { packets } = frame(split(Buffer.from(bytes), cuts));
        for (const one of packets) expect(one.length).toBeLessThanOrEqual(limits.maxPublishBytes + 5);
      }),
    );
  });

  it('a PUBLISH that is too long is shortened, and what follows is untouched', () => {
    const long = publishPacket('a/b', Buffer.alloc(5000, 'x'), 1);
    const next = publishPacket('a/b', Buffer.from('next'), 1);
    for (const cuts of [[], [1], [2], [3], [100], [310, 320], [4000]]) {
      const { packets, fault } = frame(split(Buffer.concat([long, next]), cuts));
      expect(fault).toBeUndefined();
      expect(packets).toHaveLength(2);
      // type, two bytes of length, then 300 bytes as they came
      expect(packets[0]!.subarray(3)).toEqual(long.subarray(3, 303));
      expect([...packets[0]!.subarray(0, 3)]).toEqual([0x32, 300 - 256 + 128, 2]);
      expect(packets[1]).toEqual(next);
    }
  });

  it('other packets that are too long, and a length of five bytes, are faults', () => {
    expect(frame([packet(0x82, Buffer.alloc(201))]).fault).toBe('packet-too-large');
    expect(frame([Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80)]).fault).toBe('protocol-error');
  });
});
