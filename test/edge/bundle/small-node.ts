import type { ReleaseArch } from '../../../core/contract/release.js';

const machines: Record<ReleaseArch | 'mips', { bits: 32 | 64; machine: number }> = {
  arm64: { bits: 64, machine: 183 },
  armv7l: { bits: 32, machine: 40 },
  x64: { bits: 64, machine: 62 },
  mips: { bits: 32, machine: 8 },
};

/** What tells a Node from other programs, in an ELF of a few hundred bytes: a real one takes a minute to pack. */
export function smallNode(arch: ReleaseArch | 'mips', version = '22.11.0', symbols = 'symbols for debuggers'): Buffer {
  const { bits, machine } = machines[arch];
  const wide = bits === 64;
  const headerBytes = wide ? 64 + 56 : 52 + 32;
  const text = Buffer.from(`https://nodejs.org/download/release/v${version}/node-v${version}-headers.tar.gz`);
  const loaded = headerBytes + text.length;
  const header = Buffer.alloc(headerBytes);
  header.write('\x7fELF', 'latin1');
  header.set([wide ? 2 : 1, 1, 1], 4);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  // One segment, from the start of the file to the end of the text; sections behind it.
  header.writeUInt32LE(headerBytes - (wide ? 56 : 32), wide ? 32 : 28);
  header.writeUInt32LE(loaded, wide ? 40 : 32);
  header.writeUInt16LE(wide ? 56 : 32, wide ? 54 : 42);
  header.writeUInt16LE(1, wide ? 56 : 44);
  header.writeUInt16LE(3, wide ? 60 : 48);
  header.writeUInt32LE(loaded, wide ? 64 + 32 : 52 + 16);
  return Buffer.concat([header, text, Buffer.from(symbols)]);
}
