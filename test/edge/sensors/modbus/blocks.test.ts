import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halve, planBlocks, type Block } from '../../../../edge/sensors/modbus/blocks.js';
import { registerMapSchema } from '../../../../edge/sensors/modbus/register-map.js';

const limits = { unitId: 1, maxRegisters: 125, maxGap: 0 };

function registers(...entries: readonly object[]) {
  const list = entries.map((entry, i) => ({ name: `c${i}`, quantity: 'q', unit: '/', ...entry }));
  return registerMapSchema.parse(list);
}

function text({ unitId, table, address, count, slots }: Block): string {
  return `${unitId} ${table} ${address}+${count} ${slots.map(({ register }) => register.name).join()}`;
}

describe('planBlocks', () => {
  it('joins neighbours of one unit and table', () => {
    const map = registers(
      { address: 2, type: 'float32' },
      { address: 0 },
      { address: 1 },
      { address: 5 },
      { address: 4, table: 'input' },
      { address: 4, unitId: 7 },
      { address: 1, bit: 3 },
    );
    expect(planBlocks(map, limits).map(text)).toEqual([
      '1 holding 0+4 c1,c2,c6,c0',
      '1 holding 5+1 c3',
      '1 input 4+1 c4',
      '7 holding 4+1 c5',
    ]);
    expect(planBlocks(map, { ...limits, maxGap: 1 })[0]!.count).toBe(6);
  });

  it('keeps to 125 registers, or as many as the device takes, and to 2000 bits', () => {
    const map = registers(...Array.from({ length: 130 }, (_, address) => ({ address })));
    expect(planBlocks(map, limits).map(({ address, count }) => [address, count])).toEqual([
      [0, 125],
      [125, 5],
    ]);
    expect(planBlocks(map, { ...limits, maxRegisters: 60 }).map(({ count }) => count)).toEqual([60, 60, 10]);
    const coils = registers(
      { address: 0, table: 'coil' },
      { address: 1999, table: 'coil' },
      { address: 2000, table: 'coil' },
    );
    expect(planBlocks(coils, { ...limits, maxGap: 2000 }).map(({ count }) => count)).toEqual([2000, 1]);
  });

  it('covers every channel once, within the limits, and never reads more than a gap beside them', () => {
    const entry = fc.record({
      address: fc.nat(400),
      type: fc.constantFrom('uint16', 'float32', 'float64'),
      table: fc.constantFrom('holding', 'input'),
      unitId: fc.constantFrom(1, 2),
    });
    const property = fc.property(
      fc.array(entry, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 4, max: 125 }),
      fc.nat(20),
      (entries, maxRegisters, maxGap) => {
        const map = registers(...entries);
        const blocks = planBlocks(map, { unitId: 1, maxRegisters, maxGap });
        const names = blocks.flatMap(({ slots }) => slots.map(({ register }) => register.name));
        expect(names.toSorted()).toEqual(map.map(({ name }) => name).toSorted());
        for (const { address, count, slots, table, unitId } of blocks) {
          expect(count).toBeLessThanOrEqual(maxRegisters);
          const wanted = new Set<number>();
          for (const { register } of slots) {
            expect([register.table, register.unitId]).toEqual([table, unitId]);
            expect(register.address).toBeGreaterThanOrEqual(address);
            expect(register.address + register.count).toBeLessThanOrEqual(address + count);
            for (let i = 0; i < register.count; i += 1) wanted.add(register.address + i);
          }
          let gap = 0;
          for (let i = address; i < address + count; i += 1) {
            gap = wanted.has(i) ? 0 : gap + 1;
            expect(gap).toBeLessThanOrEqual(maxGap);
          }
        }
      },
    );
    fc.assert(property, { numRuns: 100 });
  });
});

describe('halve', () => {
  it('parts at the widest gap, else in the middle', () => {
    const [gapped] = planBlocks(registers({ address: 0 }, { address: 2 }, { address: 3 }, { address: 9 }), {
      ...limits,
      maxGap: 10,
    });
    expect(halve(gapped!).map(text)).toEqual(['1 holding 0+4 c0,c1,c2', '1 holding 9+1 c3']);
    const [dense] = planBlocks(registers({ address: 0 }, { address: 1 }, { address: 2 }, { address: 3 }), limits);
    expect(halve(dense!).map(text)).toEqual(['1 holding 0+2 c0,c1', '1 holding 2+2 c2,c3']);
  });
});
