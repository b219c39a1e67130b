import { writeFile } from 'node:fs/promises';

/** For 32-bit ARM, any version: `uname(buffer)`, `write(1, buffer.machine, 65)`, `exit(0)`. */
const code = [
  ...[0xe24ddc02 /* sub sp, sp, #512 */, 0xe1a0000d /* mov r0, sp */, 0xe3a0707a /* mov r7, #122 */, 0xef000000],
  ...[0xe28d1f41 /* add r1, sp, #260 */, 0xe3a02041 /* mov r2, #65 */, 0xe3a00001, 0xe3a07004, 0xef000000],
  ...[0xe3a00000, 0xe3a07001, 0xef000000],
];
const [headers, base] = [84, 0x10000];

/** Writes a program that says what processor its kernel runs on, followed by zeros: no libc is old enough for all of them. */
export function writeArmUname(path: string): Promise<void> {
  const elf = Buffer.alloc(headers + 4 * code.length);
  const words = (values: readonly number[], at: number) =>
    values.forEach((value, i) => elf.writeUInt32LE(value, at + 4 * i));
  const halves = (values: readonly number[], at: number) =>
    values.forEach((value, i) => elf.writeUInt16LE(value, at + 2 * i));
  elf.write('\x7fELF\x01\x01\x01', 'latin1');
  halves([2, 40], 16);
  // Version, entry, program headers, no section headers, ABI 5.
  words([1, base + headers, 52, 0, 0x05000200], 20);
  halves([52, 32, 1], 40);
  words([1, 0, base, base, elf.length, elf.length, 5, 0x1000], 52);
  words(code, headers);
  return writeFile(path, elf, { mode: 0o755 });
}
