import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RejectedError } from '../../../core/runtime/errors.js';
import { elfArch, stripElf } from '../../../edge/bundle/elf.js';
import { tempDir } from '../../support/temp-dir.js';
import { smallNode } from './small-node.js';

const prebuilds = join(dirname(createRequire(import.meta.url).resolve('classic-level/package.json')), 'prebuilds');
const binaries = {
  arm64: join(prebuilds, 'linux-arm64/classic-level.armv8.node'),
  armv7l: join(prebuilds, 'linux-arm/classic-level.armv7.node'),
  x64: join(prebuilds, 'linux-x64/classic-level.node'),
};

describe('an ELF file', () => {
  it.each(Object.entries(binaries))('for %s is known as that', (arch, file) => {
    expect(elfArch(readFileSync(file))).toBe(arch);
  });

  it('that is none is known as none', () => {
    expect(elfArch(Buffer.from('MZ'))).toBeUndefined();
    expect(elfArch(smallNode('mips'))).toBeUndefined();
  });

  it('loses what is behind its last segment, and its table of sections', () => {
    for (const arch of ['arm64', 'armv7l'] as const) {
      const whole = smallNode(arch, '22.11.0', 'x'.repeat(1000));
      const stripped = stripElf(whole);
      expect(stripped.length).toBe(whole.length - 1000);
      expect(stripElf(stripped)).toEqual(stripped);
    }
  });

  it.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('still runs without them', async () => {
    const file = join(await tempDir(), 'stripped.node');
    writeFileSync(file, stripElf(readFileSync(binaries.x64)));
    const { status, stdout } = spawnSync(process.execPath, ['-p', `typeof require(${JSON.stringify(file)}).db_init`]);
    expect([status, stdout.toString().trim()]).toEqual([0, 'function']);
  });

  it('that is damaged is refused, and nothing else happens', () => {
    const whole = readFileSync(binaries.armv7l).subarray(0, 4096);
    fc.assert(
      fc.property(fc.nat(4095), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 8 }), (length, changes) => {
        const damaged = Buffer.from(whole.subarray(0, length));
        for (const [at, byte] of changes) if (at < length) damaged[at] = byte;
        try {
          expect(stripElf(damaged).length).toBeLessThanOrEqual(length);
        } catch (error) {
          expect(error).toBeInstanceOf(RejectedError);
        }
      }),
    );
  });
});
