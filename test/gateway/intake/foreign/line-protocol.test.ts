import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineFault, parseLines, parseSeries } from '../../../../gateway/intake/foreign/line-protocol/parse-line.js';
import { decodesOrRefuses, message, receivedUs, spoiled, testSource, told } from './sources.js';

const source = (over: object = {}) => testSource({ type: 'line-protocol', topics: ['t'], site: 'plant1', ...over });
const decode = (lines: string, over: object = {}) => source(over).decoder.decode(message('t', lines));

function parsed(text: string) {
  return [...parseLines(text)].map((line) => {
    if (line instanceof LineFault) return line.message;
    const { measurement, tags } = parseSeries(line.series);
    return { measurement, tags: Object.fromEntries(tags), fields: Object.fromEntries(line.fields), at: line.timestamp };
  });
}

describe('the syntax of line protocol', () => {
  // The examples of InfluxData's reference of line protocol.
  it.each([
    [
      'myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000',
      {
        measurement: 'myMeasurement',
        tags: { tag1: 'value1', tag2: 'value2' },
        fields: { fieldKey: 'fieldValue' },
        at: '1556813561098000000',
      },
    ],
    ['myMeasurement fieldKey=1.0', { measurement: 'myMeasurement', tags: {}, fields: { fieldKey: 1 }, at: undefined }],
    ['m f=-1.234456e+78', { measurement: 'm', tags: {}, fields: { f: -1.234456e78 }, at: undefined }],
    ['m f=12485903i', { measurement: 'm', tags: {}, fields: { f: 12485903 }, at: undefined }],
    ['m f=12485903u 1', { measurement: 'm', tags: {}, fields: { f: 12485903 }, at: '1' }],
    [
      'm a=true,b=false,c=t,d=f,e=TRUE,g=FALSE,h=True,i=False',
      {
        measurement: 'm',
        tags: {},
        fields: { a: true, b: false, c: true, d: false, e: true, g: false, h: true, i: false },
        at: undefined,
      },
    ],
    [
      String.raw`my\ Measurement fieldKey="string value"`,
      { measurement: 'my Measurement', tags: {}, fields: { fieldKey: 'string value' }, at: undefined },
    ],
    [
      String.raw`myMeasurement fieldKey="\"string\" within a string"`,
      { measurement: 'myMeasurement', tags: {}, fields: { fieldKey: '"string" within a string' }, at: undefined },
    ],
    [
      String.raw`myMeasurement,tag\ Key1=tag\ Value1,tag\ Key2=tag\ Value2 fieldKey=100`,
      {
        measurement: 'myMeasurement',
        tags: { 'tag Key1': 'tag Value1', 'tag Key2': 'tag Value2' },
        fields: { fieldKey: 100 },
        at: undefined,
      },
    ],
    [
      'myMeasurement,tagKey=🍭 fieldKey="Launch 🚀" 1556813561098000000',
      {
        measurement: 'myMeasurement',
        tags: { tagKey: '🍭' },
        fields: { fieldKey: 'Launch 🚀' },
        at: '1556813561098000000',
      },
    ],
    [
      String.raw`wea\,ther,loca\=tion=us\,midwest temp\=rature=82,"odd"=1i 1465839830100400200`,
      {
        measurement: 'wea,ther',
        tags: { 'loca=tion': 'us,midwest' },
        fields: { 'temp=rature': 82, '"odd"': 1 },
        at: '1465839830100400200',
      },
    ],
    [
      String.raw`m path="C:\\dir\x",n=".5, = \\"`,
      { measurement: 'm', tags: {}, fields: { path: String.raw`C:\dir\x`, n: '.5, = \\' }, at: undefined },
    ],
  ])('%s', (line, expected) => {
    expect(parsed(line)).toEqual([expected]);
  });

  it('comments, empty lines, spaces around and a line break in a string', () => {
    const text = '# Comment\n\n  m f=1 5\r\n   # another, "quoted\nm f="a\nb",g=2  7 \n';
    expect(parsed(text)).toMatchObject([
      { fields: { f: 1 }, at: '5' },
      { fields: { f: 'a\nb', g: 2 }, at: '7' },
    ]);
  });

  it.each([
    'm',
    'm ',
    'm f',
    'm f=',
    'm =1',
    'm f=1,',
    'm f=1 2 3',
    'm f=1ii',
    'm f=9223372036854775808i',
    'm f=-1u',
    'm f=18446744073709551616u',
    'm f=NaN',
    'm f=1e999',
    'm f=0x10',
    'm f="abc',
    'm f=abc',
    ',t=1 f=1',
  ])('one line that cannot be read does not spoil the next: %s', (line) => {
    const [fault, next] = parsed(`${line}\nm f=1`);
    expect(typeof fault).toBe('string');
    if (!line.includes('"')) expect(next).toMatchObject({ measurement: 'm', fields: { f: 1 } });
  });
});

describe('a source of line protocol', () => {
  it('host is the device, measurement and field the sensor, other tags tell sensors apart and are labels', () => {
    const decoded = decode(
      [
        'cpu,cpu=cpu0,host=h1,floor=2 usage_idle=98.5,usage_user=1i 1556813561098765432',
        'cpu,cpu=cpu1,host=h1,floor=2 usage_idle=97 1556813561098765432',
        'temperature,host=h2 value=21.5',
      ].join('\n'),
      { labels: ['floor'], units: { 'temperature.value': 'Cel' } },
    );
    expect(told(decoded)).toEqual([
      'plant1/h1 cpu.usage_idle.cpu:cpu0 98.5 -',
      'plant1/h1 cpu.usage_user.cpu:cpu0 1 -',
      'plant1/h1 cpu.usage_idle.cpu:cpu1 97 -',
      'plant1/h2 temperature.value 21.5 Cel',
    ]);
    const [first] = decoded.batches[0]!.readings;
    expect(first).toMatchObject({
      timeUs: 1_556_813_561_098_765,
      quantity: 'usage_idle',
      labels: { cpu: 'cpu0', floor: '2' },
    });
    expect(decoded.batches[1]!.readings[0]).toMatchObject({
      timeUs: receivedUs,
      atReceipt: true,
      quantity: 'temperature',
    });
  });

  it.each([
    ['ns', '1556813561098765999', 1_556_813_561_098_765],
    ['us', '1556813561098765', 1_556_813_561_098_765],
    ['ms', '1556813561098', 1_556_813_561_098_000],
    ['s', '1556813561', 1_556_813_561_000_000],
  ])('timestamps in %s', (precision, stamp, timeUs) => {
    expect(decode(`m,host=h f=1 ${stamp}`, { precision }).batches[0]!.readings[0]!.timeUs).toBe(timeUs);
  });

  it('names that hold a separator themselves, or too much, never meet those of others', () => {
    const lines = [
      'a.b,host=h c=1',
      'a,host=h b.c=1',
      'a,host=h,x=y b=1',
      'a,host=h b.x:y=1',
      `${'l'.repeat(200)},host=h f=1`,
    ];
    const names = decode(lines.join('\n')).batches[0]!.readings.map(({ sensor }) => sensor);
    expect(new Set(names).size).toBe(lines.length);
    expect(names.every((name) => /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/.test(name))).toBe(true);
  });

  it('the device may stand in another tag, in the topic or in the configuration; without one the line is refused', () => {
    const at = (topic: string, line: string, over: object) =>
      told(source(over).decoder.decode(message(topic, line)))[0]?.split(' ')[0];
    expect(at('t', 'm,host=h,site=s2,id=d7 f=1', { deviceTag: 'id', siteTag: 'site' })).toBe('s2/d7');
    expect(at('edge/d8/m', 'm f=1', { topicPattern: 'edge/{device}/{_}' })).toBe('plant1/d8');
    expect(at('t', 'm f=1', { device: 'd9' })).toBe('plant1/d9');
    expect(() => decode('m f=1')).toThrow(expect.objectContaining({ code: 'wrong-identity' }));
  });

  it('takes what can be read, and counts what cannot by reason', () => {
    const decoded = decode('m,host=h f=1\nbad\nm f=2\nm,host=h f=3 1.5\nworse');
    expect(told(decoded)).toEqual(['plant1/h m.f 1 -']);
    expect(decoded.refused?.map(({ reason, readings }) => [reason, readings])).toEqual([
      ['schema', 3],
      ['wrong-identity', 1],
    ]);
    expect(() => decode('bad\nworse')).toThrow(expect.objectContaining({ code: 'schema' }));
    expect(decode('# nothing').batches).toEqual([]);
  });

  const name = fc
    .string({ minLength: 1, maxLength: 12 })
    .filter((text) => !/[\n\\\t\r]|^[#]/.test(text) && text.trim() !== '');
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\r', '')),
  );
  const lines = fc.array(
    fc.record({
      measurement: name,
      tags: fc.dictionary(name, name, { maxKeys: 3 }),
      fields: fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 4 }),
      stamp: fc.option(fc.bigInt({ min: 0n, max: 2n ** 62n })),
    }),
    { minLength: 1, maxLength: 8 },
  );
  type Drawn = ReturnType<typeof lines.generate>['value'];

  it('reads back what was written', () => {
    fc.assert(
      fc.property(lines, (drawn) => {
        expect(parsed(write(drawn))).toEqual(
          drawn.map(({ measurement, tags, fields, stamp }) => ({
            measurement,
            tags: { ...tags },
            fields: Object.fromEntries(fields),
            at: stamp === null ? undefined : String(stamp),
          })),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('whatever comes, it reads it or says why not', () => {
    decodesOrRefuses(source({ device: 'd' }), 't', spoiled(lines.map((drawn) => Buffer.from(write(drawn)))));
  });

  it('a lot of the worst takes no time', () => {
    const startMs = performance.now();
    for (const piece of ['m f="\n', 'm,t=\\', 'm f=1,', '\\', '"', 'm,host=h f=1\n', ' ', '#']) {
      try {
        source({ device: 'd' }).decoder.decode(message('t', piece.repeat(Math.floor(2e5 / piece.length))));
      } catch (error) {
        expect(error).toMatchObject({ name: 'ContractError' });
      }
    }
    expect(performance.now() - startMs).toBeLessThan(30_000);
  });

  function write(drawn: Drawn): string {
    const escape = (text: string) => text.replace(/[,= ]/g, String.raw`\$&`);
    const literal = (one: unknown) =>
      typeof one === 'string' ? `"${one.replace(/["\\]/g, String.raw`\$&`)}"` : Object.is(one, -0) ? '-0' : String(one);
    return drawn
      .map(({ measurement, tags, fields, stamp }) => {
        const head = [
          escape(measurement),
          ...Object.entries(tags).map(([key, one]) => `${escape(key)}=${escape(one)}`),
        ];
        const body = fields.map(([key, one]) => `${escape(key)}=${literal(one)}`);
        return [head.join(','), body.join(','), ...(stamp === null ? [] : [String(stamp)])].join(' ');
      })
      .join('\n');
  }
});
