import { describe, expect, it } from 'vitest';
import { openBoot } from '../../../../edge/image/card/open-boot.js';
import { partOf } from '../../../../edge/image/disk/blocks.js';
import { openFat } from '../../../../edge/image/fat/fat-boot-partition.js';
import { formatFat, mbrSector, mebibyte, piFiles, type MbrPlace } from '../../../support/card-image.js';
import { memoryBlocks, type MemoryBlocks } from '../../../support/memory-blocks.js';

const first = { start: 2048, sectors: 8192, type: 0x0c };
const second = { start: 10240, sectors: 8192, type: 0x0e };
const extended = { start: 20480, sectors: 10240, type: 0x05 };

function disk(places: readonly MbrPlace[]): MemoryBlocks {
  const blocks = memoryBlocks(16 * mebibyte);
  blocks.write(0, mbrSector(places));
  return blocks;
}

async function addFat(blocks: MemoryBlocks, startSector: number, names: readonly string[]): Promise<void> {
  const part = partOf(blocks, 'new', startSector * 512, 4 * mebibyte);
  await formatFat(part, 'FAT16');
  const fat = await openFat({ blocks: part, timeMs: 0 });
  for (const path of names) fat.write({ path, bytes: Buffer.from('x') });
  fat.close();
}

const ofPi = piFiles.map(({ path }) => path);

describe('the boot partition', () => {
  it('is the first FAT with the files of a Raspberry Pi', async () => {
    const blocks = disk([first, second]);
    await addFat(blocks, first.start, ['recovery.cmdline']);
    await addFat(blocks, second.start, ofPi);
    const { partition, boot } = await openBoot(blocks, undefined);
    expect(partition.number).toBe(2);
    expect(boot.list()).toEqual(ofPi);
  });

  it('may be a logical partition', async () => {
    const blocks = disk([{ ...first, type: 0x83 }, extended]);
    blocks.write(extended.start * 512, mbrSector([{ start: 64, sectors: 8192, type: 0x0c }]));
    await addFat(blocks, extended.start + 64, ofPi);
    expect((await openBoot(blocks, undefined)).partition).toMatchObject({ number: 5, kind: 'logical' });
  });

  it('that is missing is told by what the first FAT holds', async () => {
    const blocks = disk([first, second]);
    await addFat(blocks, first.start, ['recovery.cmdline']);
    await addFat(blocks, second.start, ['EFI/boot/bootx64.efi']);
    await expect(openBoot(blocks, undefined)).rejects.toThrow(/it holds recovery\.cmdline\. It is a NOOBS card/);
  });

  it.each([
    ['no partition', [], /a partition table without partitions/],
    ['no FAT by its types', [{ ...first, type: 0x83 }], /no FAT partition.*it has 1 of type 0x83/],
    ['no FAT behind the type', [first], /holds no FAT/],
  ])('cannot be found: %s', async (_what, places, message) => {
    await expect(openBoot(disk(places), undefined)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is never written outside, even by a FAT that claims to be larger', async () => {
    const blocks = disk([first, second]);
    await addFat(blocks, first.start, ofPi);
    blocks.bytes.writeUInt32LE(20_000, first.start * 512 + 32);
    blocks.bytes.writeUInt16LE(0, first.start * 512 + 19);
    await expect(openBoot(blocks, 0)).rejects.toThrow(/its FAT is larger than the partition/);
  });
});
