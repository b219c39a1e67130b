import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPack } from '../../../core/contract/check-pack.js';
import { ContractError } from '../../../core/contract/contract-error.js';
import { decodePack, encodePackJson, type Pack } from '../../../core/contract/pack.js';
import { scanPack } from '../../../core/contract/scan-pack.js';
import { qualities, type Point } from '../../../core/contract/reading.js';
import { arbitraryPoint, rawPoint, testCatalogue, testPack } from '../../support/packs.js';

const sensors = ['temp', 'vib-x', 'hum', 'p.1', 'T:2'];
const catalogue = testCatalogue(sensors);
const device = { site: catalogue.site, device: catalogue.device };

/** What a function makes of a payload: the same for both, or one of them lies. */
function outcome(work: () => object): object {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return { code: error.code, message: error.message };
  }
}

function decoded(payload: Uint8Array): object {
  const { epoch, seq, points } = decodePack(payload, device);
  return { epoch, seq, readings: points.length };
}

function agree(payload: Uint8Array): void {
  const whole = outcome(() => decoded(payload));
  expect(outcome(() => checkPack(payload, device))).toEqual(whole);
}

/** As sensors measure: few digits, no exponents. Any other number is decoded. */
const plainNumber = fc.integer({ min: -999_999, max: 999_999 }).map((n) => n / 1000);
const plainWindow = fc
  .record({ spanUs: fc.constantFrom(1_000_000, 60_000_000), count: fc.integer({ min: 1, max: 999 }), mean: plainNumber })
  .map(({ mean, ...parts }) => ({ value: mean, form: 'window' as const, window: { ...parts, min: mean, max: mean + 1, first: mean, last: mean } })); // prettier-ignore
const plainPoint = fc
  .record({
    sensor: fc.constantFrom(...sensors),
    timeUs: fc.integer({ min: 1_795_251_208_000_000, max: 1_795_251_300_000_000 }),
    quality: fc.constantFrom(...qualities),
    rest: fc.oneof(
      fc.record({
        value: fc.oneof(plainNumber, fc.boolean()),
        form: fc.constantFrom('raw' as const, 'segment' as const),
      }),
      plainWindow,
    ),
  })
  .map(({ rest, ...point }): Point => ({ ...point, ...rest }));

const pack = fc
  .record({
    seq: fc.nat(1_000_000),
    points: fc.oneof(
      { weight: 1, arbitrary: fc.array(arbitraryPoint(sensors), { minLength: 1, maxLength: 12 }) },
      { weight: 3, arbitrary: fc.array(plainPoint, { minLength: 1, maxLength: 12 }) },
    ),
    boot: fc.option(fc.constant('0'.repeat(32)), { nil: undefined, freq: 8 }),
  })
  .map(({ seq, points, boot }): Pack => {
    const made = testPack(catalogue, seq, points);
    return boot === undefined ? made : { ...made, boot };
  });
const units = fc.dictionary(fc.constantFrom(...sensors), fc.constantFrom('Cel', 'm/s2', '%RH', 'W'));

/** Packs as JSON values, so that any part of them can be put wrong. */
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1e15, 1e16, 1e21, -1, 0.5, 268_435_456, 268_435_455, 9e9, 1_795_251_208.75),
);
const anything = fc.oneof(
  number,
  fc.constantFrom('', 'temp', 'a b', 'ü', '"', 'Cel', 'good', 'bad', 'raw', 'window', true, false, null, [], {}),
  fc.constantFrom(`${device.site}/${device.device}/`, 'other/press-07/', '0'.repeat(32), 'G'.repeat(32)),
);
const labels = ['bn', 'bt', 'bu', 'bv', 'bepoch', 'bseq', 'bcat', 'bfmt', 'bboot', 'bboot_', 'n', 'u', 't', 'v', 'vb', 'vs', 'q', 'form', 'min', 'max', 'first', 'last', 'p95', 'count', 'span', 'x', 'x_']; // prettier-ignore
const change = fc.record({ record: fc.nat(20), label: fc.constantFrom(...labels), value: fc.option(anything) });

describe('checking a pack', () => {
  it('finds in what our encoder writes what decoding it finds, mostly without decoding it', () => {
    let scanned = 0;
    fc.assert(
      fc.property(pack, units, fc.boolean(), (made, named, isDeflated) => {
        const json = encodePackJson(made, new Map(Object.entries(named)));
        const payload = isDeflated ? deflateSync(json) : Buffer.from(json);
        agree(payload);
        scanned += Number(scanPack(Buffer.from(json), device) !== undefined);
      }),
      { numRuns: 120 },
    );
    // How many of random packs are plain enough is chance; that some are is not.
    expect(scanned).toBeGreaterThan(0);
  });

  it('says the same of packs with something wrong in them', () => {
    fc.assert(
      fc.property(pack, units, fc.array(change, { minLength: 1, maxLength: 4 }), (made, named, changes) => {
        const records = JSON.parse(encodePackJson(made, new Map(Object.entries(named)))) as Record<string, unknown>[];
        for (const { record, label, value } of changes) {
          const target = records[record % records.length]!;
          if (value === null) delete target[label];
          else target[label] = value;
        }
        agree(Buffer.from(JSON.stringify(records)));
      }),
      { numRuns: 250 },
    );
  });

  it('says the same of packs whose bytes were damaged', () => {
    const damage = fc.record({ at: fc.nat(3000), byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[],:"-.0e1 '))) }); // prettier-ignore
    fc.assert(
      fc.property(pack, units, fc.array(damage, { minLength: 1, maxLength: 3 }), (made, named, damages) => {
        const bytes = Buffer.from(encodePackJson(made, new Map(Object.entries(named))));
        for (const { at, byte } of damages) bytes[at % bytes.length] = byte;
        agree(bytes);
      }),
      { numRuns: 250 },
    );
  });

  const head = { bn: `${device.site}/${device.device}/`, bt: 1_795_251_208, bepoch: 'a'.repeat(32), bseq: 7, bcat: 'b'.repeat(32), bfmt: 1 }; // prettier-ignore
  it.each([
    ['a label that comes twice', JSON.stringify([{ ...head, n: 'temp', v: 1 }]).replace('"v":1', '"v":1,"v":"x"')],
    ['a number with a leading zero', JSON.stringify([{ ...head, n: 'temp', v: 1 }]).replace('"v":1', '"v":01')],
    ['a number that ends in a dot', JSON.stringify([{ ...head, n: 'temp', v: 1 }]).replace('"v":1', '"v":1.')],
    ['an exponent', JSON.stringify([{ ...head, n: 'temp', v: 1 }]).replace('"v":1', '"v":1.5e400')],
    ['an exponent of an integer', JSON.stringify([{ ...head, n: 'temp', v: 1 }]).replace('"bseq":7', '"bseq":7e400')],
    ['something behind the pack', `${JSON.stringify([{ ...head, n: 'temp', v: 1 }])} 1`],
    ['white space behind the pack', `${JSON.stringify([{ ...head, n: 'temp', v: 1 }])} \n`],
    ['two units of one sensor', JSON.stringify([{ ...head, bu: 'W', n: 'a', v: 1 }, { n: 'b', v: 1 }, { n: 'a', u: 'Cel', v: 1 }])], // prettier-ignore
    ['one unit named twice', JSON.stringify([{ ...head, bu: 'W', n: 'a', v: 1 }, { n: 'b', v: 1 }, { n: 'a', u: 'W', v: 1 }])], // prettier-ignore
    ['an owner that only begins alike', JSON.stringify([{ ...head, bn: `${device.site}/${device.device}0/`, n: 'a', v: 1 }])], // prettier-ignore
    ['more sensors than are remembered', JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ ...(i === 0 && head), n: `s${i}`, v: i })))], // prettier-ignore
    [
      'a base time in a later record',
      JSON.stringify([
        { ...head, n: 'a', v: 1 },
        { bt: 5, n: 'a', v: 1 },
      ]),
    ],
    ['nothing', '[]'],
    ['nothing at all', '['],
  ])('%s', (_name, json) => agree(Buffer.from(json)));

  it('of ordinary readings needs no decoding', () => {
    const points = Array.from({ length: 300 }, (_, i) => rawPoint(sensors[i % 5]!, 1_795_251_208_000_000 + i * 1000, i / 8)); // prettier-ignore
    const json = encodePackJson(testPack(catalogue, 3, points), new Map([['temp', 'Cel'], ['hum', '%RH'], ['vib-x', 'm/s2'], ['p.1', 'W'], ['T:2', 'Cel']])); // prettier-ignore
    expect(scanPack(Buffer.from(json), device)).toMatchObject({ seq: 3, readings: 300 });
  });
});
