import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RejectedError } from '../../../../core/runtime/errors.js';
import { readPartitionTable } from '../../../../edge/image/disk/read-partition-table.js';
import { mbrSector, writeGpt, type MbrPlace } from '../../../support/card-image.js';
import { memoryBlocks, type MemoryBlocks } from '../../../support/memory-blocks.js';

const mebibyte = 1024 * 1024;
const boot = { start: 2048, sectors: 2048, type: 0x0c };
const root = { start: 4096, sectors: 2048, type: 0x83 };

function mbrDisk(places: readonly MbrPlace[], sizeBytes = 4 * mebibyte): MemoryBlocks {
  const disk = memoryBlocks(sizeBytes);
  disk.write(0, mbrSector(places));
  return disk;
}

const gptPlaces = [
  { first: 2048, last: 4095, type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', name: 'system-boot' },
  { first: 4096, last: 6143, type: '0fc63daf-8483-4772-8e79-3d69d8477de4', name: 'writable' },
];

function gptDisk(): MemoryBlocks {
  const disk = memoryBlocks(4 * mebibyte);
  writeGpt(disk, gptPlaces);
  return disk;
}

describe('a boot record', () => {
  it('of an image of Raspberry Pi OS is read byte by byte', () => {
    const disk = memoryBlocks(512);
    disk.bytes.set(Buffer.from('00041001' + '0cfeffff' + '00400000' + '00001000', 'hex'), 446);
    disk.bytes.set(Buffer.from('00feffff' + '83feffff' + '00401000' + '00001000', 'hex'), 462);
    disk.bytes.set([0x55, 0xaa], 510);
    // 1,100 MB, of which only the first sector is looked at.
    const whole = {
      ...disk,
      sizeBytes: 1100 * mebibyte,
      read: (at: number, into: Uint8Array) => void (at === 0 && disk.read(at, into)),
    };
    expect(readPartitionTable(whole)).toEqual({
      scheme: 'mbr',
      warnings: [],
      partitions: [
        { number: 1, kind: 'primary', type: '0x0c', fat: true, startBytes: 16384 * 512, sizeBytes: 1048576 * 512 },
        { number: 2, kind: 'primary', type: '0x83', fat: false, startBytes: 1064960 * 512, sizeBytes: 1048576 * 512 },
      ],
    });
  });

  it.each([0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e])('knows that type %i is a FAT', (type) => {
    expect(readPartitionTable(mbrDisk([{ ...boot, type }])).partitions[0]?.fat).toBe(true);
  });

  it.each([0x07, 0x82, 0x83, 0xa5])('knows that type %i is none', (type) => {
    expect(readPartitionTable(mbrDisk([{ ...boot, type }])).partitions[0]?.fat).toBe(false);
  });

  it('gives the partitions in the order of the disk, with the numbers of Linux', () => {
    const { partitions } = readPartitionTable(mbrDisk([root, boot]));
    expect(partitions.map(({ number, type }) => [number, type])).toEqual([
      [2, '0x0c'],
      [1, '0x83'],
    ]);
  });

  it('leads to logical partitions', () => {
    const disk = mbrDisk([boot, { start: 4096, sectors: 4096, type: 0x05 }]);
    disk.write(
      4096 * 512,
      mbrSector([
        { start: 8, sectors: 100, type: 0x0e },
        { start: 1024, sectors: 1024, type: 0x05 },
      ]),
    );
    disk.write((4096 + 1024) * 512, mbrSector([{ start: 16, sectors: 200, type: 0x83 }]));
    expect(readPartitionTable(disk).partitions).toMatchObject([
      { number: 1, kind: 'primary' },
      { number: 5, kind: 'logical', fat: true, startBytes: (4096 + 8) * 512, sizeBytes: 100 * 512 },
      { number: 6, kind: 'logical', fat: false, startBytes: (4096 + 1024 + 16) * 512, sizeBytes: 200 * 512 },
    ]);
  });

  it('that leads logical partitions in a circle is refused', () => {
    const disk = mbrDisk([{ start: 4096, sectors: 4096, type: 0x0f }]);
    disk.write(
      4096 * 512,
      mbrSector([
        { start: 8, sectors: 8, type: 0x83 },
        { start: 0, sectors: 4096, type: 0x05 },
      ]),
    );
    expect(() => readPartitionTable(disk)).toThrow(/more than 124 links/);
  });

  it.each([
    ['reaches past the end', [{ ...root, sectors: 40960 }], /cut short/],
    ['overlaps another', [boot, { ...root, start: 4095 }], /lie on each other/],
    ['lies on the table', [{ ...boot, start: 0 }], /lies on the partition table/],
  ])('with a partition that %s is corrupt', (_what, places, message) => {
    expect(() => readPartitionTable(mbrDisk(places))).toThrow(message);
  });
});

describe('what has no partition table is told apart', () => {
  it.each([
    ['nothing at all', (): MemoryBlocks => memoryBlocks(mebibyte), /first sector is empty/],
    ['a FAT alone', fatAlone, /a FAT without a partition table/],
    ['too little', (): MemoryBlocks => memoryBlocks(512), /too small/],
    ['sectors of 4,096 bytes', largeSectors, /sectors of 4,096 bytes/],
  ])('%s', (_what, disk, message) => {
    expect(() => readPartitionTable(disk())).toThrow(message);
  });
});

function fatAlone(): MemoryBlocks {
  const disk = memoryBlocks(mebibyte);
  disk.bytes.write('FAT32   ', 82);
  disk.bytes.fill(0x90, 440, 510);
  disk.bytes.writeUInt16LE(0xaa55, 510);
  return disk;
}

function largeSectors(): MemoryBlocks {
  const disk = mbrDisk([{ start: 1, sectors: 100, type: 0xee }]);
  disk.bytes.write('EFI PART', 4096);
  return disk;
}

describe('a GPT', () => {
  const expected = [
    {
      number: 1,
      kind: 'gpt',
      type: gptPlaces[0]!.type,
      fat: true,
      name: 'system-boot',
      startBytes: mebibyte,
      sizeBytes: mebibyte,
    },
    {
      number: 2,
      kind: 'gpt',
      type: gptPlaces[1]!.type,
      fat: false,
      name: 'writable',
      startBytes: 2 * mebibyte,
      sizeBytes: mebibyte,
    },
  ];

  it('is read with types and names', () => {
    expect(readPartitionTable(gptDisk())).toEqual({ scheme: 'gpt', partitions: expected, warnings: [] });
  });

  it.each([
    ['header', 512 + 40],
    ['entries', 1024 + 33],
  ])('whose first %s is damaged is read from its backup, with a warning', (_what, at) => {
    const disk = gptDisk();
    disk.bytes[at]! ^= 1;
    const table = readPartitionTable(disk);
    expect(table.partitions).toEqual(expected);
    expect(table.warnings).toEqual([expect.stringMatching(/its backup was used/)]);
  });

  it('finds its backup also before the end of a larger card', () => {
    const small = gptDisk();
    const card = memoryBlocks(8 * mebibyte);
    card.bytes.set(small.bytes);
    card.bytes[1024 + 33]! ^= 1;
    expect(readPartitionTable(card).partitions).toEqual(expected);
  });

  it('of which both copies are damaged is corrupt', () => {
    const disk = gptDisk();
    disk.bytes[512 + 40]! ^= 1;
    disk.bytes[disk.sizeBytes - 512 + 40]! ^= 1;
    expect(() => readPartitionTable(disk)).toThrow(/both copies/);
  });

  it('beside a hybrid boot record is the one that counts, with a warning', () => {
    const disk = gptDisk();
    disk.write(0, mbrSector([{ start: 1, sectors: 2047, type: 0xee }, boot]));
    expect(readPartitionTable(disk)).toMatchObject({
      partitions: expected,
      warnings: [expect.stringMatching(/hybrid/)],
    });
  });
});

describe('a table with any bytes changed', () => {
  const byte = fc.nat({ max: 255 });
  const mutations = (max: number) => fc.array(fc.tuple(fc.nat({ max }), byte), { minLength: 1, maxLength: 12 });

  it('is read within the disk, or refused with an error of ours', () => {
    const bases = [mbrDisk([boot, { start: 4096, sectors: 2048, type: 0x05 }]), gptDisk()];
    bases[0]!.write(
      4096 * 512,
      mbrSector([
        { start: 8, sectors: 8, type: 0x83 },
        { start: 64, sectors: 64, type: 0x05 },
      ]),
    );
    fc.assert(
      fc.property(fc.nat({ max: 1 }), fc.nat({ max: 2 }), mutations(2048), (which, region, changes) => {
        const disk = bases[which]!;
        const start = [0, 4096 * 512, disk.sizeBytes - 2049][region]!;
        const before = Buffer.from(disk.bytes.subarray(start, start + 2049));
        for (const [at, value] of changes) disk.bytes[start + at] = value;
        checkReadable(disk);
        disk.bytes.set(before, start);
      }),
      { numRuns: 150 },
    );
  });
});

function checkReadable(disk: MemoryBlocks): void {
  try {
    for (const { startBytes, sizeBytes } of readPartitionTable(disk).partitions) {
      expect(startBytes).toBeGreaterThanOrEqual(512);
      expect(startBytes + sizeBytes).toBeLessThanOrEqual(disk.sizeBytes);
    }
  } catch (error) {
    expect(error).toBeInstanceOf(RejectedError);
  }
}
