import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogueUnits } from '../../../core/contract/catalogue.js';
import { decodePack, encodePack, encodePackJson, type Pack } from '../../../core/contract/pack.js';
import { senmlRecordSchema } from '../../../core/contract/senml.js';
import { uptimeStamp } from '../../../core/contract/uptime-stamps.js';
import { readSenml } from '../../support/generic-senml.js';
import { arbitraryPoint, describeSensor, rawPoint, testCatalogue, testPack } from '../../support/packs.js';

const catalogue = testCatalogue({
  'temp-inlet': describeSensor(),
  'vib-x': describeSensor({ quantity: 'acceleration', unit: 'm/s2' }),
  door: describeSensor({ quantity: 'door_open', unit: '/' }),
  mode: describeSensor({ quantity: 'mode', unit: 'count' }),
});
const units = catalogueUnits(catalogue);
const t0 = 1_795_251_208_750_000;
const golden: Pack = testPack(catalogue, 1041, [
  rawPoint('temp-inlet', t0, 71.31),
  rawPoint('temp-inlet', t0 + 1_000_000, 71.4),
  {
    ...rawPoint('vib-x', t0 + 60_000_000, 0.121),
    form: 'window',
    window: { spanUs: 60_000_000, count: 60, min: 0.09, max: 0.4, first: 0.1, last: 0.12 },
  },
  { ...rawPoint('temp-inlet', t0 + 2_000_001, 240), quality: 'spike', form: 'context' },
  rawPoint('door', t0 + 3, true),
  rawPoint('mode', t0 + 4, 'eco ☂'),
]);
const withinADay = fc.integer({ min: 4_200_000_000_000_000, max: 4_200_086_400_000_000 });
const fixture = new URL('../../fixtures/contract/pack-golden.json', import.meta.url);

describe('the pack codec', () => {
  it('writes the golden bytes, so that devices in the field stay readable', () => {
    expect(encodePackJson(golden, units)).toBe(readFileSync(fixture, 'utf8').trim());
  });

  it('reads the golden bytes', () => {
    const { units: decodedUnits, ...pack } = decodePack(readFileSync(fixture));
    expect(pack).toEqual(golden);
    expect(decodedUnits).toEqual(new Map([...units]));
  });

  it('is read by a plain SenML reader with the right times, names, units and values', () => {
    const plain = readSenml(encodePackJson(golden, units), 0);
    expect(plain.map(({ name, unit, value, time }) => [name, unit, value, Math.round(time * 1e6)])).toEqual(
      golden.points.map(({ sensor, value, timeUs }) => [`plant1/press-07/${sensor}`, units.get(sensor), value, timeUs]),
    );
  });

  it('keeps every point through both transfer codings', () => {
    const points = fc.array(arbitraryPoint([...units.keys()]), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(points, fc.constantFrom('identity' as const, 'zlib' as const), (some, coding) => {
        const pack = testPack(catalogue, 7, some);
        const decoded = decodePack(encodePack(pack, units, coding), catalogue);
        // JSON has no negative zero.
        expect(decoded.points).toEqual(JSON.parse(JSON.stringify(some)));
      }),
      { numRuns: 300 },
    );
  });

  it('gives a plain reader what it gives us, for any pack', () => {
    fc.assert(
      fc.property(fc.array(arbitraryPoint([...units.keys()], withinADay), { minLength: 1, maxLength: 20 }), (some) => {
        const json = encodePackJson(testPack(catalogue, 7, some), units);
        const ours = decodePack(Buffer.from(json)).points.map((p) => [p.sensor, p.timeUs, p.value]);
        const plain = readSenml(json, 0).map((r) => [r.name.split('/')[2], Math.round(r.time * 1e6), r.value]);
        expect(plain).toEqual(ours);
      }),
    );
  });

  it('carries tombstones and what a thinned pack replaces', () => {
    const tombstone: Pack = {
      ...testPack(catalogue, 9, []),
      dropped: { reason: 'disk-full', count: 37 },
      replaces: [[1, 4]],
    };
    expect(decodePack(encodePack(tombstone, units))).toEqual({ ...tombstone, units: new Map() });
  });

  it('takes a sensor without a unit, and then gives no unit to it', () => {
    const json = encodePackJson(
      testPack(catalogue, 1, [rawPoint('temp-inlet', t0, 1), rawPoint('nameless', t0, 2)]),
      units,
    );
    expect(readSenml(json, 0).map(({ unit }) => unit)).toEqual(['Cel', undefined]);
  });
});

describe('the formats', () => {
  const read = (name: string) => readFileSync(new URL(`../../fixtures/contract/${name}.json`, import.meta.url));
  const unsynced: Pack = {
    ...testPack(catalogue, 7, [
      rawPoint('temp-inlet', uptimeStamp(5_250_000), 21.5),
      rawPoint('door', uptimeStamp(6e6), true),
    ]),
    boot: '00112233445566778899aabbccddeeff',
  };

  it('are written as their golden bytes: the oldest that can say it', () => {
    expect(encodePackJson(golden, units)).toContain('"bfmt":1');
    expect(encodePackJson(unsynced, units)).toBe(read('pack-2-golden').toString().trim());
  });

  it('are all read, also what early programs wrote of a boot in format 1', () => {
    const early = read('pack-2-golden').toString().replace('"bfmt":2,"bboot_"', '"bfmt":1,"bboot"');
    for (const bytes of [read('pack-2-golden'), Buffer.from(early)]) {
      const { units: _, ...pack } = decodePack(bytes);
      expect(pack).toEqual(unsynced);
    }
    const asTwo = Buffer.from(readFileSync(fixture, 'utf8').replace('"bfmt":1', '"bfmt":2'));
    expect(decodePack(asTwo)).toEqual(decodePack(readFileSync(fixture)));
  });

  it('a reader that knows no boots refuses what has one', () => {
    const [first] = JSON.parse(read('pack-2-golden').toString()) as [object];
    expect(Object.keys(first).filter((label) => label.endsWith('_'))).toEqual(['bboot_']);
  });

  it('unknown labels are passed over wherever they stand, unless they end in _', () => {
    const known = new Set(Object.keys(senmlRecordSchema.shape));
    const label = fc.string({ minLength: 1, maxLength: 12 }).filter((name) => !known.has(name) && name !== '__proto__');
    const property = fc.property(fc.nat(5), label, fc.jsonValue(), (at, name, value) => {
      const records = JSON.parse(encodePackJson(golden, units)) as object[];
      records[at] = { ...records[at], [name]: value };
      const bytes = Buffer.from(JSON.stringify(records));
      const refused = expect.objectContaining({ code: 'unknown-label' }) as Error;
      if (name.endsWith('_')) expect(() => decodePack(bytes)).toThrow(refused);
      else expect(decodePack(bytes).points).toEqual(golden.points);
    });
    fc.assert(property, {
      numRuns: 200,
      examples: [
        [2, 'new_', 1],
        [0, 'new', { a_: 1 }],
      ],
    });
  });
});

describe('a bad pack is refused with its reason', () => {
  const record = {
    bn: 'plant1/press-07/',
    bt: t0 / 1e6,
    bepoch: 'a'.repeat(32),
    bseq: 1,
    bcat: 'b'.repeat(32),
    bfmt: 1,
    n: 'x',
    v: 1,
  };
  const json = (...records: unknown[]) => Buffer.from(JSON.stringify(records));
  const cases: [string, Uint8Array, string][] = [
    ['empty payload', new Uint8Array(), 'bad-coding'],
    ['raw deflate or garbage', Buffer.from([1, 2, 3]), 'bad-coding'],
    ['a cut zlib stream', deflateSync(JSON.stringify([record])).subarray(0, 20), 'bad-coding'],
    ['a zlib bomb', deflateSync(Buffer.alloc(50_000_000, 32)), 'too-large'],
    ['an oversized payload', Buffer.alloc(1_048_577, 0x5b), 'too-large'],
    ['cut JSON', Buffer.from('[{"bn":'), 'not-json'],
    ['bad UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 'bad-coding'],
    ['no epoch', json({ ...record, bepoch: undefined }), 'schema'],
    ['no sequence', json({ ...record, bseq: undefined }), 'schema'],
    ['a fractional sequence', json({ ...record, bseq: 1.5 }), 'schema'],
    ['no catalogue', json({ ...record, bcat: undefined }), 'schema'],
    ['a later format', json({ ...record, bfmt: 3 }), 'version'],
    ['a later format with a label that must be understood', json({ ...record, bfmt: 3, new_: 1 }), 'version'],
    ['a later format with another shape', json({ ...record, bfmt: 3, v: [1] }), 'version'],
    ['no format', json({ ...record, bfmt: undefined }), 'version'],
    ['an unknown label that must be understood', json({ ...record, new_: 1 }), 'unknown-label'],
    [
      'the same, escaped',
      Buffer.from(JSON.stringify([{ ...record, new_: 1 }]).replace('new_', 'new\\u005f')),
      'unknown-label',
    ],
    ['the boot of format 2 in format 1', json({ ...record, bboot_: 'a'.repeat(32) }), 'schema'],
    ['the boot of format 1 in format 2', json({ ...record, bfmt: 2, bboot: 'a'.repeat(32) }), 'schema'],
    ['a relative time', json({ ...record, bt: 5 }), 'relative-time'],
    ['another device inside', json(record, { bn: 'plant1/other/', n: 'x', v: 1 }), 'wrong-identity'],
    ['a base name without a device', json({ ...record, bn: 'plant1/' }), 'schema'],
    ['an unknown quality', json({ ...record, q: 'superb' }), 'schema'],
    ['an unknown form', json({ ...record, form: 'blob' }), 'schema'],
    ['a window without its parts', json({ ...record, count: 3 }), 'schema'],
    ['a null value', Buffer.from(JSON.stringify([record]).replace('"v":1', '"v":null')), 'schema'],
    ['an infinite value', Buffer.from(JSON.stringify([record]).replace('"v":1', '"v":1e999')), 'schema'],
    ['two units of one sensor', json({ ...record, u: 'Cel' }, { n: 'x', u: 'K', v: 1 }), 'schema'],
    ['more than 10,000 records', json(record, ...Array.from({ length: 10_000 }, () => ({ n: 'x', v: 1 }))), 'schema'],
    ['replacing itself', json({ ...record, breplaces: [[0, 1]] }), 'schema'],
  ];
  it.each(cases)('%s', (_name, payload, code) => {
    expect(() => decodePack(payload)).toThrow(expect.objectContaining({ name: 'ContractError', code }));
  });

  it('who speaks must be who the topic says', () => {
    expect(() => decodePack(json(record), { site: 'plant1', device: 'press-08' })).toThrow(
      expect.objectContaining({ code: 'wrong-identity' }),
    );
  });
});
