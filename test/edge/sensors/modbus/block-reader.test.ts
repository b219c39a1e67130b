import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BlockReader } from '../../../../edge/sensors/modbus/block-reader.js';
import { planBlocks } from '../../../../edge/sensors/modbus/blocks.js';
import { ModbusException, type ModbusRequest } from '../../../../edge/sensors/modbus/link.js';
import { registerMapSchema } from '../../../../edge/sensors/modbus/register-map.js';

/** A device with 60 registers, whose addresses `refused` it refuses, read by one block. */
function deviceOf(addresses: readonly number[], refused: ReadonlySet<number>) {
  const entries = addresses.map((address) => ({ name: `r${address}`, quantity: 'q', unit: '/', address }));
  const [block, ...more] = planBlocks(registerMapSchema.parse(entries), { unitId: 1, maxRegisters: 125, maxGap: 60 });
  expect(more).toEqual([]);
  const reader = new BlockReader(block!);
  return async () => {
    let requests = 0;
    const request = (wanted: ModbusRequest) => {
      requests += 1;
      const { address, count } = wanted;
      for (let i = address; i < address + count; i += 1) {
        if (refused.has(i)) return Promise.reject(new ModbusException(2, wanted));
      }
      return Promise.resolve(Buffer.alloc(count * 2));
    };
    const got: string[] = [];
    const bad: string[] = [];
    await reader.read(request, {
      onData: ({ slots }) => got.push(...slots.map(({ register }) => register.name)),
      onRefused: ({ register }) => bad.push(register.name),
    });
    return { got: got.toSorted(), bad: bad.toSorted(), requests };
  };
}

const addresses = fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 30 });

it('whatever a device refuses, each channel has one outcome a read, and what it does not refuse is read', async () => {
  const property = fc.asyncProperty(
    addresses,
    fc.uniqueArray(fc.nat(59), { maxLength: 8 }),
    async (wanted, refused) => {
      const no = new Set(refused);
      const names = (list: readonly number[]) => list.map((address) => `r${address}`).toSorted();
      const read = deviceOf(wanted, no);
      const expected = {
        got: names(wanted.filter((address) => !no.has(address))),
        bad: names(wanted.filter((address) => no.has(address))),
      };
      for (let i = 0; i < 2; i += 1) expect(await read()).toMatchObject(expected);
      // By now it has learned: no request is refused that asks for more than one channel.
      const { got, bad, requests } = await read();
      expect({ got, bad }).toEqual(expected);
      if (expected.got.length > 0) expect(requests).toBeLessThanOrEqual(wanted.length);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

it('what is refused no longer is read again, and a new refusal is found at once', async () => {
  const refused = new Set([3]);
  const read = deviceOf([1, 2, 3, 4, 5, 6], refused);
  for (let i = 0; i < 4; i += 1) await read();
  refused.clear();
  expect((await read()).bad).toEqual([]);
  refused.add(5);
  expect((await read()).bad).toEqual(['r5']);
});
