import { describe, expect, it } from 'vitest';
import type { ForeignDecoded } from '../../../../../gateway/intake/foreign/foreign.js';
import { celsius, decode, startMs, startUs, TestEdge, type TestMetric } from './edge.js';

const temperature = (value: number, more: Partial<TestMetric> = {}): TestMetric => ({
  ...{ name: 'Line 1/Temperature', alias: 7, type: 'Double', value, timestamp: startMs, properties: celsius },
  ...more,
});
const byAlias = (alias: number, value: number, more: Partial<TestMetric> = {}): TestMetric => ({
  ...{ alias, type: 'Double', value, timestamp: startMs + 1000, ...more },
});
const sensor = 'Line:201.Temperature';

function valuesOf({ batches }: ForeignDecoded): unknown[] {
  return batches.flatMap(({ readings }) => readings.map(({ value }) => value));
}

/** The edge node that is asked for its births. */
function asked({ replies = [] }: ForeignDecoded): string[] {
  return replies.map(({ topic, payload }) => {
    const [metric] = decode(payload).metrics!;
    expect(metric).toMatchObject({ name: 'Node Control/Rebirth', type: 'Boolean', value: true });
    return topic;
  });
}

const press = 'spBv1.0/plant1/NCMD/press';

describe('births and data', () => {
  it('takes names, units and values from a birth, and data by its aliases', () => {
    const edge = new TestEdge();
    expect(edge.nodeBirth([temperature(21.5)])).toEqual({
      batches: [
        {
          device: { site: 'plant1', device: 'press' },
          presence: 'online',
          readings: [
            {
              ...{ sensor, timeUs: startUs, value: 21.5, quality: 'good', quantity: 'temperature', unit: 'Cel' },
              labels: { metric: 'Line 1/Temperature' },
            },
          ],
        },
      ],
      refused: [],
    });
    const data = edge.data([byAlias(7, 21.75)]);
    expect(data.batches[0]!.readings).toMatchObject([
      { sensor, timeUs: startUs + 1_000_000, value: 21.75, unit: 'Cel' },
    ]);
    expect(asked(data)).toEqual([]);
    expect(data.refused).toEqual([]);
  });

  it('knows devices behind an edge node, whose aliases are of the same set', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    const born = edge.deviceBirth('oven', [{ name: 'speed', alias: 8, type: 'Int32', value: -3, timestamp: startMs }]);
    expect(born.batches).toMatchObject([{ device: { site: 'plant1', device: 'press.oven' }, presence: 'online' }]);
    expect(valuesOf(edge.data([byAlias(8, -4, { type: 'Int32' })], 'oven'))).toEqual([-4]);
    // Alias 7 is of the edge node itself.
    const mixed = edge.data([byAlias(7, 5)], 'oven');
    expect(valuesOf(mixed)).toEqual([]);
    expect(mixed.refused).toMatchObject([{ reason: 'unknown-metric', readings: 1 }]);
  });

  it('takes the time of the metric, else of the payload, else of the receipt', () => {
    const edge = new TestEdge();
    const { readings } = edge.nodeBirth([
      { name: 'a', type: 'Double', value: 1, timestamp: 1_790_000_000_123 },
      { name: 'b', type: 'Double', value: 2 },
      { name: 'c', type: 'Double', value: 3, timestamp: 0 },
    ]).batches[0]!;
    expect(readings.map(({ timeUs }) => timeUs)).toEqual([1_790_000_000_123_000, startUs, startUs]);
    const without = edge.send('NDATA', { seq: 1, metrics: [{ name: 'a', type: 'Double', value: 4 }] });
    expect(without.batches[0]!.readings).toMatchObject([{ timeUs: edge.receivedUs, atReceipt: true }]);
  });

  it('stores neither nulls, nor what is transient, nor the controls of the protocol', () => {
    const edge = new TestEdge();
    const born = edge.nodeBirth([
      temperature(1),
      { name: 'empty', alias: 9, type: 'Double', value: null },
      { name: 'passing', alias: 10, type: 'Double', value: 1, isTransient: true },
      { name: 'Node Control/Scan Rate', alias: 11, type: 'Int64', value: 1000 },
    ]);
    expect(valuesOf(born)).toEqual([1]);
    expect(valuesOf(edge.data([byAlias(9, 2), byAlias(10, 3), byAlias(11, 4, { type: 'Int64' })]))).toEqual([2]);
    expect(born.refused).toEqual([]);
  });

  it('refuses what is no single value, and stores the rest of the message', () => {
    const edge = new TestEdge();
    const born = edge.nodeBirth([
      { name: 'bytes', type: 'Bytes', value: Buffer.from('x') },
      { name: 'file', type: 'File', value: Buffer.from('x') },
      {
        name: 'table',
        type: 'DataSet',
        value: { numOfColumns: 1, columns: ['a'], types: ['Int8'], rows: [] } as never,
      },
      { name: 'template', type: 'Template', value: { isDefinition: true, metrics: [] } },
      temperature(5),
    ]);
    expect(valuesOf(born)).toEqual([5]);
    expect(born.refused).toEqual([{ reason: 'schema', detail: 'bytes: Bytes is no single value', readings: 4 }]);
    expect(asked(born)).toEqual([]);
  });

  it('takes historical readings with the quality and the time that they have', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    const old = edge.data([
      byAlias(7, 20, { timestamp: startMs - 86_400_000, isHistorical: true }),
      byAlias(7, 21, { isHistorical: true, properties: { Quality: { type: 'Int32', value: 0 } } }),
      byAlias(7, 22, { timestamp: startMs + 2000, properties: { Quality: { type: 'Int32', value: 500 } } }),
    ]);
    expect(old.batches).toMatchObject([
      {
        readings: [
          { value: 20, timeUs: startUs - 86_400_000_000, quality: 'good' },
          { value: 21, quality: 'bad' },
          { value: 22, quality: 'uncertain' },
        ],
      },
    ]);
    expect(old.batches[0]!.presence).toBeUndefined();
  });

  it('converts units that SenML does not have, and passes on those that nobody knows', () => {
    const edge = new TestEdge();
    const unit = (text: string) => ({ engUnit: { type: 'String', value: text } }) as const;
    const { readings } = edge.nodeBirth([
      { name: 'f', type: 'Double', value: 212, properties: unit('°F') },
      { name: 'p', type: 'Double', value: 1.5, properties: unit('bar') },
      { name: 'x', type: 'Double', value: 3, properties: unit('widgets/h') },
      { name: 'on', type: 'Boolean', value: true, properties: unit('°F') },
    ]).batches[0]!;
    expect(readings.map(({ value, unit: of }) => [value, of])).toEqual([
      [100, 'Cel'],
      [150_000, 'Pa'],
      [3, 'widgets/h'],
      [true, 'Cel'],
    ]);
  });

  it('keeps values of one millisecond apart, and takes what a birth repeats once', () => {
    const edge = new TestEdge();
    const timesOf = (said: ForeignDecoded) => said.batches[0]!.readings.map(({ timeUs }) => timeUs - startUs);
    expect(timesOf(edge.nodeBirth([temperature(1)]))).toEqual([0]);
    expect(timesOf(edge.data([byAlias(7, 2, { timestamp: startMs }), byAlias(7, 3, { timestamp: startMs })]))).toEqual([
      1, 2,
    ]);
    expect(timesOf(edge.nodeBirth([temperature(3)]))).toEqual([]);
    expect(timesOf(edge.data([byAlias(7, 2, { timestamp: startMs })]))).toEqual([3]);
    expect(timesOf(edge.data([byAlias(7, 3)]))).toEqual([1_000_000]);
  });

  it('does not hear commands, hosts, or topics that are none', () => {
    const edge = new TestEdge();
    for (const topic of ['spBv1.0/STATE/scada', 'spBv1.0/plant1/NCMD/press', 'spBv1.0/plant1/DCMD/press/oven']) {
      const message = { topic, payload: Buffer.from('{}'), retained: false, receivedUs: startUs, replayed: false };
      expect(edge.decoder.decode(message)).toEqual({ batches: [] });
    }
    const bad = [
      'spBv1.0/plant1/NDATA',
      'spBv1.0/plant1/NDATA/press/oven',
      'spBv1.0/plant1/DDATA/press',
      'spAv1.0/a/NDATA/b',
    ];
    for (const topic of [
      ...bad,
      'spBv1.0/plant1/XDATA/press',
      'spBv1.0//NDATA/press',
      'spBv1.0/a/DDATA/b/',
      'spBv1.0',
    ]) {
      const message = { topic, payload: Buffer.alloc(0), retained: false, receivedUs: startUs, replayed: false };
      expect(() => edge.decoder.decode(message), topic).toThrow('not a topic of Sparkplug B');
    }
  });
});

describe('the sequence', () => {
  it('runs from 0 to 255 and on over all messages of an edge node', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    edge.deviceBirth('oven', []);
    for (let i = 0; i < 600; i++) {
      const said = edge.data([byAlias(7, i)], i % 5 === 4 ? 'oven' : undefined);
      if (i % 5 < 4) expect(asked(said), `message ${i}`).toEqual([]);
    }
  });

  it('has a gap: what can be told is stored, and the edge node is asked for its births, once in a while', async () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    edge.seq += 1;
    const after = edge.data([byAlias(7, 2)]);
    expect(valuesOf(after)).toEqual([2]);
    expect(asked(after)).toEqual([press]);
    expect(asked(edge.data([byAlias(7, 3)]))).toEqual([]);
    await edge.clock.advance(10_000);
    expect(asked(edge.data([byAlias(7, 4)]))).toEqual([press]);
    edge.nodeBirth([temperature(1)]);
    await edge.clock.advance(10_000);
    expect(asked(edge.data([byAlias(7, 5)]))).toEqual([]);
  });

  it.each(['DBIRTH', 'DDEATH'])('has a gap before a %s', (kind) => {
    const edge = new TestEdge();
    edge.nodeBirth();
    edge.deviceBirth('oven', []);
    edge.seq += 1;
    expect(asked(edge.send(kind, edge.payload([]), 'oven'))).toEqual([press]);
  });

  it('is missing or beyond 255', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    expect(asked(edge.send('NDATA', { metrics: [] }))).toEqual([press]);
    const other = new TestEdge();
    other.nodeBirth([temperature(1)]);
    expect(asked(other.send('NDATA', { metrics: [], seq: 256 }))).toEqual([press]);
  });
});

describe('data before its birth', () => {
  it('is refused where only an alias names it, and asks for the birth', () => {
    const edge = new TestEdge();
    const early = edge.data([byAlias(7, 1), { name: 'plain', type: 'Double', value: 2, timestamp: startMs }]);
    expect(valuesOf(early)).toEqual([2]);
    expect(early.refused).toEqual([{ reason: 'unknown-metric', detail: 'no birth told of alias 7', readings: 1 }]);
    expect(asked(early)).toEqual([press]);
  });

  it('is read when it is tried again after the birth that it asked for', () => {
    const edge = new TestEdge();
    const early = edge.payload([byAlias(7, 1)]);
    edge.send('NDATA', early);
    const [heardUs] = [edge.receivedUs];
    edge.nodeBirth([temperature(0)]);
    edge.receivedUs = heardUs - 1000;
    const again = edge.send('NDATA', early, undefined, true);
    expect(again).toEqual({
      batches: [{ device: { site: 'plant1', device: 'press' }, readings: [expect.anything()] }],
      refused: [],
    });
    expect(again.batches[0]!.readings[0]).toMatchObject({ sensor, value: 1, unit: 'Cel' });
    // The sequence of what is live goes on as if nothing had been.
    expect(asked(edge.data([byAlias(7, 2)]))).toEqual([]);
  });

  it('is told from live data, which the wall clock does not concern', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    edge.receivedUs -= 3600e6;
    expect(valuesOf(edge.data([byAlias(7, 2)]))).toEqual([2]);
  });

  it('is refused again if the aliases may have had another meaning', () => {
    const edge = new TestEdge();
    const early = edge.payload([byAlias(7, 1)]);
    edge.send('NDATA', early);
    const again = () => {
      const now = edge.receivedUs;
      edge.receivedUs = startUs;
      const said = edge.send('NDATA', early, undefined, true);
      edge.receivedUs = now;
      return said.refused;
    };
    const refused = [{ reason: 'unknown-metric', readings: 1 }];
    expect(again()).toMatchObject(refused);
    // Another session, of which nobody knows whether the data was of it.
    edge.nodeDeath();
    edge.nodeBirth([temperature(0)], 1);
    expect(again()).toMatchObject(refused);
  });

  it('is refused again if the same session gave an alias to another metric', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(0)]);
    const first = edge.payload([byAlias(7, 1)]);
    edge.send('NDATA', first);
    const heardUs = edge.receivedUs;
    const again = () => {
      edge.receivedUs = heardUs - 1000;
      return edge.send('NDATA', first, undefined, true).refused!.length;
    };
    edge.nodeBirth([temperature(0)]);
    expect(again()).toBe(0);
    edge.receivedUs = heardUs + 1e6;
    edge.nodeBirth([temperature(0, { name: 'pressure' })]);
    expect(again()).toBe(1);
  });

  it('of another datatype than the birth says has no meaning', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(0)]);
    const other = edge.data([byAlias(7, 1, { type: 'Boolean', value: true })]);
    expect(other.refused).toMatchObject([{ reason: 'unknown-metric' }]);
    expect(asked(other)).toEqual([press]);
  });

  it('of a device asks for all births, and after them the device is known', () => {
    const edge = new TestEdge();
    edge.nodeBirth();
    expect(asked(edge.data([byAlias(3, 1)], 'oven'))).toEqual([press]);
    edge.nodeBirth();
    edge.deviceBirth('oven', [{ name: 'speed', alias: 3, type: 'Double', value: 0 }]);
    const data = edge.data([byAlias(3, 1)], 'oven');
    expect([valuesOf(data), asked(data)]).toEqual([[1], []]);
  });
});

it('forgets the aliases of a device that is born anew', () => {
  const edge = new TestEdge();
  edge.nodeBirth();
  for (let alias = 3; alias < 6; alias++) {
    edge.deviceBirth('oven', [{ name: 'speed', alias, type: 'Double', value: alias }]);
    expect(edge.data([byAlias(alias - 1, 1)], 'oven').refused).toMatchObject([{ reason: 'unknown-metric' }]);
    expect(valuesOf(edge.data([byAlias(alias, 2 * alias)], 'oven'))).toEqual([2 * alias]);
  }
});

describe('deaths', () => {
  const presences = ({ batches }: ForeignDecoded) => batches.map(({ device, presence }) => [device.device, presence]);

  it('of an edge node are deaths of its devices', () => {
    const edge = new TestEdge();
    edge.nodeBirth([], 4);
    edge.deviceBirth('oven', []);
    expect(presences(edge.nodeDeath(4))).toEqual([
      ['press', 'offline'],
      ['press.oven', 'offline'],
    ]);
    // Told by the edge node, and again by its will.
    expect(edge.nodeDeath(4)).toEqual({ batches: [] });
    expect(asked(edge.data([byAlias(7, 1)]))).toEqual([press]);
  });

  it('of an older session are ignored', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)], 4);
    edge.nodeBirth([temperature(1)], 5);
    expect(edge.nodeDeath(4)).toEqual({ batches: [] });
    expect(valuesOf(edge.data([byAlias(7, 2)]))).toEqual([2]);
    expect(presences(edge.nodeDeath(5))).toEqual([['press', 'offline']]);
  });

  it('of an edge node that was never heard here are believed', () => {
    expect(presences(new TestEdge().nodeDeath(3))).toEqual([['press', 'offline']]);
  });

  it('of a device leave the edge node', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    edge.deviceBirth('oven', [{ name: 'speed', alias: 3, type: 'Double', value: 0 }]);
    expect(presences(edge.send('DDEATH', edge.payload([]), 'oven'))).toEqual([['press.oven', 'offline']]);
    expect(asked(edge.data([byAlias(7, 1)]))).toEqual([]);
    expect(edge.data([byAlias(3, 1)], 'oven').refused).toMatchObject([{ reason: 'unknown-metric' }]);
  });

  it('are those of devices which are not born again with their edge node', () => {
    const edge = new TestEdge();
    edge.nodeBirth([temperature(1)]);
    edge.deviceBirth('oven', []);
    edge.deviceBirth('saw', []);
    edge.nodeBirth([temperature(1)]);
    edge.deviceBirth('saw', []);
    expect(presences(edge.data([byAlias(7, 1)]))).toEqual([
      ['press.oven', 'offline'],
      ['press', undefined],
    ]);
    expect(presences(edge.data([byAlias(7, 2)]))).toEqual([['press', undefined]]);
  });
});
