import fc from 'fast-check';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { maxPackRecords, parseSenml, senmlRecordSchema } from '../../../core/contract/senml.js';

const schema = z.array(senmlRecordSchema).min(1).max(maxPackRecords);
const labels = Object.keys(senmlRecordSchema.shape);
const value = fc.oneof(
  fc.double(),
  fc.integer({ min: -2, max: 3 }),
  fc.string({ maxLength: 5 }),
  fc.constantFrom('x'.repeat(256), 'x'.repeat(257), 2 ** 53, 1.5, true, null, [], [[0, 1]], {}),
);
const record = fc.dictionary(fc.oneof(fc.constantFrom(...labels), fc.string({ maxLength: 4 })), value, { maxKeys: 6 });
const pack = fc.oneof(fc.array(fc.oneof({ weight: 9, arbitrary: record }, value), { maxLength: 4 }), value);

it('the fast check of a pack takes exactly what its schema takes', () => {
  fc.assert(
    fc.property(pack, (anything) => {
      const json = JSON.stringify(anything).replaceAll('_"', '"');
      const bySchema = schema.safeParse(JSON.parse(json));
      if (!bySchema.success) {
        expect(() => parseSenml(json)).toThrow(expect.objectContaining({ name: 'ContractError', code: 'schema' }));
        return;
      }
      const known = parseSenml(json).map((fields) =>
        Object.fromEntries(Object.entries(fields).filter(([label]) => labels.includes(label))),
      );
      expect(known).toEqual(bySchema.data);
    }),
    { numRuns: 1000 },
  );
});
