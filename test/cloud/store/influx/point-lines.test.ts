import { hourUs, minuteUs } from '#core/contract/time.js';
import type { Point } from '#core/contract/reading.js';
import { expect, test } from 'vitest';
import { pointLines } from '../../../../cloud/store/influx/point-lines.js';
import { Seal } from '../../../../cloud/store/influx/seal.js';
import { Series, SeriesRegistry } from '../../../../cloud/store/influx/series-registry.js';
import { tagSetOf } from '../../../../cloud/store/influx/tag-set.js';
import { windowPoint } from '../../../contracts/series-store/expected.js';
import { describeSensor, rawPoint, testCatalogue, testPack } from '../../../support/packs.js';

const startUs = 1_795_251_208_750_000;
const catalogue = testCatalogue({ temp: describeSensor({ labels: { floor: '3' } }) });

function registry(): SeriesRegistry {
  const made = new SeriesRegistry();
  const { site, device, sensors } = catalogue;
  for (const [sensor, description] of Object.entries(sensors)) {
    const tags = tagSetOf(description, ['floor']);
    made.put(new Series({ site, device, sensor }, [{ ...tags, fromUs: Number.NEGATIVE_INFINITY, sinceUs: 0 }]));
  }
  return made;
}

function built(points: readonly Point[], seal = new Seal({ raw: 0, '1m': 0, '1h': 0, '1d': 0 })) {
  return pointLines([{ pack: testPack(catalogue, 5, points), catalogue }], registry(), seal);
}

test('the lines of every kind of point', () => {
  const points: Point[] = [
    rawPoint('temp', startUs, 71.3),
    { ...rawPoint('temp', startUs + 1, true), quality: 'spike' },
    rawPoint('temp', startUs + 2, 'a "b"\nc\\'),
    { ...rawPoint('temp', startUs + 3, -0), form: 'context' },
    windowPoint('temp', startUs + 4, minuteUs, [1, 2]),
  ];
  const tags = (form: string) => `temperature,device=press-07,floor=3,form=${form},sensor=temp,site=plant1`;
  expect(built(points).bodies).toEqual([
    [
      `${tags('raw')} value=71.3,quality="good" 1795251208750000`,
      `${tags('raw')} value=1,quality="spike" 1795251208750001`,
      `${tags('raw')} text="a \\"b\\"\\\\nc\\\\\\\\",quality="good" 1795251208750002`,
      `${tags('context')} value=-0,quality="good" 1795251208750003`,
      `${tags('window')} value=1.5,sum=3,min=1,max=2,first=1,last=2,count=2i,spanUs=60000000i,quality="good" 1795251208750004`,
      '',
    ].join('\n'),
  ]);
});

test('readings of one minute touch one bucket; a wide window surely touches its hour and the minute it begins in', () => {
  const minute = Math.floor(startUs / minuteUs) * minuteUs;
  const points = [0, 1, 2].map((i) => rawPoint('temp', minute + i, i));
  const wide = windowPoint('temp', minute, 5 * minuteUs, [1]);
  const touched = built([
    ...points,
    rawPoint('temp', minute + minuteUs, 3),
    wide,
    rawPoint('temp', minute, 'text'),
  ]).touched;
  expect(touched.map(({ entry, bucketUs, surely }) => [entry.tier.name, entry.form, bucketUs, surely])).toEqual([
    ['1m', 'raw', minute, false],
    ['1m', 'raw', minute + minuteUs, false],
    ['1h', 'window-1h', Math.floor(startUs / hourUs) * hourUs, true],
    ['1m', 'window', minute, true],
  ]);
});

test('a point before the seal is set aside with the pack that it came in', () => {
  const seal = new Seal({ raw: 0, '1m': 0, '1h': 0, '1d': 0 });
  seal.restore(startUs);
  const [old, fresh] = [rawPoint('temp', startUs - 1, 1), rawPoint('temp', startUs, 2)];
  const { stored, expired } = built([old, fresh], seal);
  expect(stored).toBe(1);
  expect(expired).toMatchObject([{ point: old, seq: 5 }]);
});

test('a large batch is cut into bodies, at line ends', () => {
  const { bodies, stored } = built(Array.from({ length: 50_000 }, (_none, i) => rawPoint('temp', startUs + i, i)));
  expect(stored).toBe(50_000);
  expect(bodies.length).toBeGreaterThan(1);
  expect(bodies.every((body) => body.endsWith('\n'))).toBe(true);
  expect(bodies.join('').split('\n')).toHaveLength(50_001);
});
